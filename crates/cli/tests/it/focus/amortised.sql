-- The amortised cost of AWS's Cloud Intelligence Dashboards, beside EffectiveCost: `amortized_cost` of
-- cid/builtin/core/data/queries/cid/summary_view_sp_ri.sql in aws-samples/aws-cudos-framework-deployment (MIT-0), with decimals.
-- That view leaves rows of split cost allocation out by their operation; an export has none.

-- amortised by account, service and type:
with lines as (
    select "lineItem/UsageAccountId" as account, "lineItem/ProductCode" as service, "lineItem/LineItemType" as type,
        case
            when type = 'SavingsPlanCoveredUsage' then "savingsPlan/SavingsPlanEffectiveCost"::decimal(38, 18)
            when type = 'SavingsPlanRecurringFee'
                then "savingsPlan/TotalCommitmentToDate"::decimal(38, 18) - "savingsPlan/UsedCommitment"::decimal(38, 18)
            when type in ('SavingsPlanNegation', 'SavingsPlanUpfrontFee') then 0
            when type = 'DiscountedUsage' then "reservation/EffectiveCost"::decimal(38, 18)
            when type = 'RIFee' then "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod"::decimal(38, 18)
                + "reservation/UnusedRecurringFee"::decimal(38, 18)
            when type = 'Fee' and "reservation/ReservationARN" <> '' then 0
            else "lineItem/UnblendedCost"::decimal(38, 18)
        end as cost
    from text_lines where coalesce("splitLineItem/ParentResourceId", '') = ''
)
select coalesce(a.account, b.account), coalesce(a.service, b.service), coalesce(a.type, b.type), a.cost, b.cost
from (select account, service, type, sum(cost) as cost from lines group by all) as a
full join (select SubAccountId as account, x_ServiceCode as service, x_LineItemType as type, sum(EffectiveCost) as cost
           from charges group by all) as b
  on a.account = b.account and a.service is not distinct from b.service and a.type = b.type
where a.cost is distinct from b.cost;

-- amounts of both:
select (select sum(EffectiveCost) from charges), (select count(distinct "lineItem/LineItemType") from text_lines);
