-- services:
select x_ServiceCode from charges order by 1 desc;
