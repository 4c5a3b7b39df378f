-- What FOCUS 1.2 asks of charges and its validator does not look at: each query gives the charges that break a rule.
-- The validator's conditions on `ChargeClass` never hold where that is null, which is nearly everywhere, so they are here again.

-- a unit price times the quantity is the cost, to a billionth (AWS rounds its costs to ten decimals):
select x_LineItemType, ListUnitPrice, ContractedUnitPrice, PricingQuantity, ListCost, ContractedCost
from charges
where ChargeClass is distinct from 'Correction' and PricingQuantity is not null
  and (abs(ListUnitPrice::double * PricingQuantity::double - ListCost::double) > 1e-9 * greatest(abs(ListCost::double), 1)
    or abs(ContractedUnitPrice::double * PricingQuantity::double - ContractedCost::double) > 1e-9 * greatest(abs(ContractedCost::double), 1));

-- prices are not below zero:
select x_LineItemType, ListUnitPrice, ContractedUnitPrice from charges where ListUnitPrice < 0 or ContractedUnitPrice < 0;

-- usage and purchases have prices and a quantity, but for what was left unused and what AWS states no amount of:
select x_LineItemType, ListUnitPrice, ContractedUnitPrice, PricingQuantity
from charges
where ChargeCategory in ('Usage', 'Purchase') and CommitmentDiscountStatus is distinct from 'Unused' and x_UsageAmount is not null
  and (ListUnitPrice is null or ContractedUnitPrice is null or PricingQuantity is null or PricingUnit is null);

-- usage and purchases have a pricing category, taxes have none, and neither price, quantity nor sku:
select x_LineItemType from charges
where (ChargeCategory in ('Usage', 'Purchase') and PricingCategory is null)
   or (ChargeCategory = 'Tax' and coalesce(PricingCategory, ListUnitPrice::varchar, ContractedUnitPrice::varchar,
       PricingQuantity::varchar, SkuId, SkuPriceId) is not null);

-- units go with quantities:
select x_LineItemType, PricingQuantity, PricingUnit, ConsumedQuantity, ConsumedUnit, CommitmentDiscountQuantity, CommitmentDiscountUnit
from charges
where (PricingQuantity is null) <> (PricingUnit is null) or (ConsumedQuantity is null) <> (ConsumedUnit is null)
   or (CommitmentDiscountQuantity is null) <> (CommitmentDiscountUnit is null);

-- what is consumed is usage, and not what was left unused:
select x_LineItemType, CommitmentDiscountStatus from charges
where ConsumedQuantity is not null and (ChargeCategory <> 'Usage' or CommitmentDiscountStatus = 'Unused');

-- the columns of a commitment are there together:
select x_LineItemType, CommitmentDiscountId, CommitmentDiscountCategory, CommitmentDiscountType from charges
where (CommitmentDiscountId is null) <> (CommitmentDiscountCategory is null)
   or (CommitmentDiscountId is null) <> (CommitmentDiscountType is null)
   or (CommitmentDiscountId is null and coalesce(CommitmentDiscountStatus, CommitmentDiscountUnit, CommitmentDiscountName) is not null);

-- usage of a commitment says whether it was used, is priced as committed, and bills nothing:
select x_LineItemType, CommitmentDiscountStatus, PricingCategory, BilledCost from charges
where CommitmentDiscountId is not null and ChargeCategory = 'Usage'
  and (CommitmentDiscountStatus is null or PricingCategory <> 'Committed' or BilledCost <> 0 or CommitmentDiscountQuantity is null);

-- buying a commitment is worth nothing by itself, is priced as standard, and says how much was bought:
select x_LineItemType, EffectiveCost, PricingCategory, CommitmentDiscountQuantity from charges
where CommitmentDiscountId is not null and ChargeCategory = 'Purchase'
  and (EffectiveCost <> 0 or PricingCategory <> 'Standard' or CommitmentDiscountStatus is not null or CommitmentDiscountQuantity is null);

-- used and unused are what was bought, in the commitment's own unit:
select CommitmentDiscountId, sum(CommitmentDiscountQuantity) filter (ChargeCategory = 'Usage') as used,
       sum(CommitmentDiscountQuantity) filter (ChargeFrequency = 'Recurring') as bought
from charges where CommitmentDiscountId is not null group by all having used <> bought;

-- a correction is named so, and only refunds are:
select x_LineItemType, ChargeClass from charges where (ChargeClass is not null) <> (x_LineItemType = 'Refund');

-- purchases and what is no usage are not usage-based:
select x_LineItemType, ChargeFrequency from charges where (ChargeFrequency = 'Usage-Based') <> (ChargeCategory = 'Usage');

-- a subcategory belongs to its category:
select distinct ServiceCategory, ServiceSubcategory from charges
where not exists (from subcategories where service_category = ServiceCategory and service_subcategory = ServiceSubcategory);

-- a region, a resource and a sub account have a name, a type and a type, and those have nothing without them:
select RegionId, RegionName, ResourceId, ResourceType, SubAccountId, SubAccountType from charges
where (RegionId is null) <> (RegionName is null) or (ResourceId is null) <> (ResourceType is null)
   or (SubAccountId is null) <> (SubAccountType is null) or (ResourceId is null and ResourceName is not null)
   or (SkuId is null and SkuMeter is not null) or (CapacityReservationId is null) <> (CapacityReservationStatus is null);

-- what is billed and priced in one currency is the same in both:
select x_LineItemType from charges
where BillingCurrency = PricingCurrency
  and (PricingCurrencyEffectiveCost is distinct from EffectiveCost or PricingCurrencyListUnitPrice is distinct from ListUnitPrice
    or PricingCurrencyContractedUnitPrice is distinct from ContractedUnitPrice);

-- a charge lies within its month's bill and ends after it starts:
select ChargePeriodStart, ChargePeriodEnd from charges
where ChargePeriodEnd <= ChargePeriodStart or BillingPeriodEnd <= BillingPeriodStart;

-- words are FOCUS's own:
select ChargeCategory, ChargeFrequency, PricingCategory, CommitmentDiscountCategory, CommitmentDiscountStatus, CapacityReservationStatus
from charges
where ChargeCategory not in ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment') or ChargeFrequency not in ('One-Time', 'Recurring', 'Usage-Based')
   or PricingCategory not in ('Standard', 'Dynamic', 'Committed', 'Other') or CommitmentDiscountCategory not in ('Spend', 'Usage')
   or CommitmentDiscountStatus not in ('Used', 'Unused') or CapacityReservationStatus not in ('Used', 'Unused');
