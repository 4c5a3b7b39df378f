//! Instance types, as the `product/…` columns describe them.

use crate::cells::Cells;
use crate::column::Col;
use crate::dec::Dec;

/// An instance type of EC2, RDS or `ElastiCache`.
pub(crate) struct Instance {
    pub(crate) name: &'static str,
    family: &'static str,
    vcpu: &'static str,
    memory: &'static str,
    network: &'static str,
    processor: &'static str,
    architecture: &'static str,
    storage: &'static str,
    pub(crate) factor: Dec,
}

const INTEL: (&str, &str) = ("Intel Xeon Platinum 8175", "64-bit");
const GRAVITON: (&str, &str) = ("AWS Graviton2 Processor", "64-bit");

const fn instance(
    name: &'static str,
    size: [&'static str; 3],
    built: (&'static str, &'static str),
    factor: &str,
) -> Instance {
    Instance {
        name,
        family: size[0],
        vcpu: size[1],
        memory: size[2],
        network: "Up to 10 Gigabit",
        processor: built.0,
        architecture: built.1,
        storage: "EBS only",
        factor: Dec::of(factor),
    }
}

pub(crate) const M5_LARGE: Instance = instance("m5.large", ["General purpose", "2", "8 GiB"], INTEL, "4");
pub(crate) const M5_2XLARGE: Instance = instance("m5.2xlarge", ["General purpose", "8", "32 GiB"], INTEL, "16");
pub(crate) const C6G_XLARGE: Instance = instance("c6g.xlarge", ["Compute optimized", "4", "8 GiB"], GRAVITON, "8");
pub(crate) const C6I_XLARGE: Instance = instance("c6i.xlarge", ["Compute optimized", "4", "8 GiB"], INTEL, "8");
pub(crate) const R6G_2XLARGE: Instance = instance("r6g.2xlarge", ["Memory optimized", "8", "64 GiB"], GRAVITON, "16");
pub(crate) const T3_MEDIUM: Instance = instance("t3.medium", ["General purpose", "2", "4 GiB"], INTEL, "2");
pub(crate) const DB_R6G_LARGE: Instance = instance("db.r6g.large", ["Memory optimized", "2", "16 GiB"], GRAVITON, "4");
pub(crate) const DB_T3_MEDIUM: Instance = instance("db.t3.medium", ["General purpose", "2", "4 GiB"], INTEL, "2");
pub(crate) const CACHE_R6G_LARGE: Instance =
    instance("cache.r6g.large", ["Memory optimized", "2", "13.07 GiB"], GRAVITON, "4");

impl Instance {
    pub(crate) fn describe(&self, cells: &mut Cells) {
        let type_family = self.name.trim_start_matches("db.").trim_start_matches("cache.").split('.').next();
        let facts = [
            (Col::ProductInstanceType, self.name),
            (Col::ProductInstanceTypeFamily, type_family.unwrap_or_default()),
            (Col::ProductInstanceFamily, self.family),
            (Col::ProductVcpu, self.vcpu),
            (Col::ProductMemory, self.memory),
            (Col::ProductNetworkPerformance, self.network),
            (Col::ProductPhysicalProcessor, self.processor),
            (Col::ProductProcessorArchitecture, self.architecture),
            (Col::ProductStorage, self.storage),
            (Col::ProductCurrentGeneration, "Yes"),
            // Words that stand in columns which hold numbers for other products.
            (Col::ProductEcu, "NA"),
            (Col::ProductClockSpeed, "3.1 GHz"),
            (Col::ProductDedicatedEbsThroughput, "Up to 2120 Mbps"),
        ];
        for (col, text) in facts {
            cells.set(col, text);
        }
        cells.set_amount(Col::ProductNormalizationSizeFactor, self.factor);
    }
}
