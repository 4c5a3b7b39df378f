-- Both files of one month, and what they sum to.

-- parquet:
select sum(BilledCost), sum(EffectiveCost), sum(ListCost), sum(x_UnblendedCost), count(*) from charges;

-- csv:
select sum(BilledCost::decimal(38, 18)), sum(EffectiveCost::decimal(38, 18)), sum(ListCost::decimal(38, 18)),
       sum(x_UnblendedCost::decimal(38, 18)), count(*) from text_charges;

-- a text of csv is that of parquet with an apostrophe where a spreadsheet would run it:
select c.d, p.d
from (select row_number() over () as n, ChargeDescription as d, Tags as t, x_UsageType as u from text_charges) as c
join (select row_number() over () as n, ChargeDescription as d, Tags as t, x_UsageType as u from charges) as p using (n)
where regexp_replace(c.d, '^''', '') is distinct from p.d or regexp_replace(c.t, '^''', '') is distinct from p.t
   or regexp_replace(c.u, '^''', '') is distinct from p.u;
