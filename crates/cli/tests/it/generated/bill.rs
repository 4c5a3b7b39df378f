//! A generated bill: one month that is delivered in rounds, all of it by its seed.

use std::path::{Path, PathBuf};

use sample::{Draw, Drawn, Format, Mode, Month, Spec, draw};

/// Every way to deliver a bill: AWS always overwrites legacy reports in Parquet.
const KINDS: [(Format, Mode); 17] = [
    (Format::LegacyCsvGz, Mode::CreateNew),
    (Format::LegacyCsvGz, Mode::Overwrite),
    (Format::LegacyCsvZip, Mode::CreateNew),
    (Format::LegacyCsvZip, Mode::Overwrite),
    (Format::LegacyParquet, Mode::Overwrite),
    (Format::Cur2CsvGz, Mode::CreateNew),
    (Format::Cur2CsvGz, Mode::Overwrite),
    (Format::Cur2Parquet, Mode::CreateNew),
    (Format::Cur2Parquet, Mode::Overwrite),
    (Format::Focus10CsvGz, Mode::CreateNew),
    (Format::Focus10CsvGz, Mode::Overwrite),
    (Format::Focus10Parquet, Mode::CreateNew),
    (Format::Focus10Parquet, Mode::Overwrite),
    (Format::Focus12CsvGz, Mode::CreateNew),
    (Format::Focus12CsvGz, Mode::Overwrite),
    (Format::Focus12Parquet, Mode::CreateNew),
    (Format::Focus12Parquet, Mode::Overwrite),
];

/// How many kinds there are; a seed's remainder is its kind.
pub const KIND_COUNT: u64 = KINDS.len() as u64;

/// One bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// Determines everything but the month and the place.
    pub seed: u64,
    /// The month.
    pub month: Month,
}

/// What happens to a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tale {
    /// It is delivered.
    Once,
    /// The same lines are delivered again.
    Redelivered,
    /// More lines are delivered in more files.
    Grown,
    /// Fewer lines are delivered in fewer files.
    Shrunk,
    /// Of the next delivery there are some files first, and no manifest.
    HalfWithoutManifest,
    /// Of the first delivery a file is missing at first, though the manifest lists it.
    HalfWithoutPart,
}

/// What is put into the bucket in one round, and what the month must be after it.
#[derive(Debug, Default)]
pub struct Round {
    /// Keys and where their bytes are, in order.
    pub puts: Vec<(String, PathBuf)>,
    /// The files of the delivery that the month is then; nothing while there is none.
    pub files: Vec<PathBuf>,
    /// How many deliveries of the month have been published then.
    pub completed: usize,
}

impl Bill {
    /// How it is packed and kept.
    pub fn kind(&self) -> (Format, Mode) {
        KINDS[usize::try_from(self.seed % KIND_COUNT).unwrap()]
    }

    /// Which rules its lines follow.
    pub fn family(&self) -> &'static str {
        if self.kind().0.is_focus() { "focus" } else { "cur" }
    }

    fn tale(&self) -> Tale {
        match self.seed / KIND_COUNT % 10 {
            0..=4 => Tale::Once,
            5 => Tale::Redelivered,
            6 => Tale::Grown,
            7 => Tale::Shrunk,
            8 => Tale::HalfWithoutManifest,
            _ => Tale::HalfWithoutPart,
        }
    }

    /// A number of this bill's own.
    fn mixed(&self, label: u64) -> u64 {
        let mixed = (self.seed ^ label.rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }

    /// Writes every delivery below `folder` and says what happens when. `place` says where the bill lies and whose it is.
    pub fn rounds(&self, place: &Spec, folder: &Path) -> Vec<Round> {
        let (format, mode) = self.kind();
        let spec = Spec { seed: self.seed, first_month: self.month, months: 1, format, mode, ..place.clone() };
        let first = Draw {
            seed: self.mixed(1),
            number: 1,
            rows: 20 + self.mixed(2) % 90 * (1 + u64::from(self.mixed(3).is_multiple_of(9))),
            parts: 1 + u32::try_from(self.mixed(4) % 3).unwrap(),
            surplus: u32::from(self.mixed(5).is_multiple_of(6)),
        };
        let second = Draw { number: 2, ..first.clone() };
        let other = Draw { seed: self.mixed(6), ..second.clone() };
        let overwrites = mode == Mode::Overwrite;
        let written = |wish: &Draw| Written::of(&spec, wish, &folder.join(format!("{}-{}", self.seed, wish.number)));
        match self.tale() {
            Tale::Once => vec![written(&first).whole(1)],
            Tale::Redelivered => vec![written(&first).whole(1), written(&second).whole(2)],
            Tale::Grown => {
                let grown = Draw { rows: first.rows + 30, parts: first.parts + 2, ..other };
                vec![written(&first).whole(1), written(&grown).whole(2)]
            }
            Tale::Shrunk => {
                let big = Draw { parts: first.parts + 2, surplus: 0, ..first };
                // Overwriting empties what is too much; a new folder has no more than it needs.
                let surplus = if overwrites { 2 } else { 0 };
                let small = Draw { rows: 20, surplus, parts: big.parts - 2, ..other };
                vec![written(&big).whole(1), written(&small).whole(2)]
            }
            Tale::HalfWithoutManifest => {
                let (before, after) = (written(&first).whole(1), written(&other));
                let half = Round { puts: after.parts[..1].to_vec(), files: before.files.clone(), completed: 1 };
                let rest = Round { puts: after.all().split_off(1), ..after.whole(2) };
                vec![before, half, rest]
            }
            Tale::HalfWithoutPart => {
                let delivery = written(&first);
                let missing = delivery.parts[0].clone();
                let mut puts = delivery.all();
                puts.remove(0);
                let half = Round { puts, ..Round::default() };
                // AWS writes the manifest last, and so does whoever completes a copy: the poll sees that, though its bytes are the
                // same.
                let rest = Round { puts: [vec![missing], delivery.manifests.clone()].concat(), ..delivery.whole(1) };
                vec![half, rest]
            }
        }
    }
}

/// A delivery on disk.
struct Written {
    parts: Vec<(String, PathBuf)>,
    manifests: Vec<(String, PathBuf)>,
}

impl Written {
    fn of(spec: &Spec, wish: &Draw, folder: &Path) -> Self {
        let Drawn { parts, manifests, .. } = draw(spec, wish, folder).unwrap();
        let found =
            |key: String| (key.clone(), key.split('/').fold(folder.join("bucket"), |path, name| path.join(name)));
        Self { parts: parts.into_iter().map(found).collect(), manifests: manifests.into_iter().map(found).collect() }
    }

    fn all(&self) -> Vec<(String, PathBuf)> {
        [self.parts.clone(), self.manifests.clone()].concat()
    }

    /// A round in which all of it is delivered.
    fn whole(&self, completed: usize) -> Round {
        let files = self.parts.iter().map(|(_, path)| path.clone()).collect();
        Round { puts: self.all(), files, completed }
    }
}
