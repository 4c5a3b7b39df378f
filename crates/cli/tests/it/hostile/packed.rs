//! Hostile packing: archives that are cut off, lie, or unpack to more than they should.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::case::{Case, HEADER, LINE, gzip, noise};

pub fn cases() -> Vec<Case> {
    let mut cases = gzipped();
    cases.extend(bombs());
    cases.extend(zipped());
    cases
}

fn good() -> String {
    // Lines that differ, so that the file has some length when it is packed.
    let line = |number: usize| LINE.replace("1.5", &format!("1.{}", number * 7919)) + "\n";
    format!("{HEADER}\n{}", (0..200).map(line).collect::<String>())
}

fn gzipped() -> Vec<Case> {
    let whole = gzip(good().as_bytes());
    let unpacked = "could not be unpacked";
    let mut cases = Vec::new();
    for at in
        [1, 2, 3, 9, 10, 11, 40, whole.len() / 3, whole.len() / 2, whole.len() - 9, whole.len() - 8, whole.len() - 1]
    {
        cases.push(Case::new(format!("gzip cut off after {at} bytes"), whole[..at].to_vec(), &[unpacked]));
    }
    let end = whole.len();
    for (name, at, says) in [
        ("checksum", end - 8, unpacked),
        ("checksum, its other end", end - 5, unpacked),
        ("length", end - 4, unpacked),
        ("method", 2, unpacked),
        // Which is told first, the checksum or a cell, is not for a test to say.
        ("data", end / 2, "R-00001"),
    ] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        cases.push(Case::new(format!("gzip with another {name}"), damaged, &[says]));
    }
    let more = gzip(&good().as_bytes()[HEADER.len() + 1..]);
    let twice = [whole.clone(), more[..more.len() / 2].to_vec()].concat();
    for (name, file, says) in [
        ("bytes behind gzip", [whole.clone(), b"and more".to_vec()].concat(), &[unpacked][..]),
        ("zeros behind gzip", [whole.clone(), vec![0; 512]].concat(), &[unpacked]),
        ("a second member cut off", twice, &[unpacked]),
        ("gzip within gzip", gzip(&whole), &["header", "UTF-8"]),
        ("an archive within gzip", gzip(&archive(&[Entry::new(good().as_bytes())])), &["header", "UTF-8"]),
        ("text that is not packed", good().into_bytes(), &["none of the formats"]),
        (
            "a web page",
            b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>".to_vec(),
            &["none of the formats"],
        ),
        ("bzip2", b"BZh91AY&SY".to_vec(), &["none of the formats"]),
        ("zeros", vec![0; 4096], &["none of the formats"]),
        ("one byte", vec![b'x'], &["none of the formats"]),
    ] {
        cases.push(Case::new(name, file, says));
    }
    cases
}

/// Few bytes that unpack to many. The server is told what is many.
fn bombs() -> Vec<Case> {
    let zeros = vec![0; 2 << 20];
    let lines = format!("{HEADER},t/d\n{}", format!("{LINE},{}\n", "y".repeat(700)).repeat(3_000));
    let filled = |bytes: usize, seed: u64| {
        let rows = noise(bytes, seed)
            .as_bytes()
            .chunks(1000)
            .map(|cell| format!("{LINE},{}\n", String::from_utf8_lossy(cell)))
            .collect::<Vec<_>>()
            .concat();
        gzip(format!("{HEADER},t/d\n{rows}").as_bytes())
    };
    let ratio = &["more than 50 times its size", "--bill-limit ratio"][..];
    // Each part is within what a part may have, and all together are not.
    let parts = Case::new(
        "parts that are too much together",
        Vec::new(),
        &["the delivery's files together", "--bill-limit delivery-bytes"],
    );
    vec![
        Case::new("a bomb of zeros in gzip", gzip(&zeros), ratio),
        Case::new("a bomb of lines in gzip", gzip(lines.as_bytes()), ratio),
        Case::new("a bomb in a tail member", [gzip(good().as_bytes()), gzip(&zeros)].concat(), ratio),
        Case::new("a bomb in an archive", archive(&[Entry::new(&zeros)]), ratio).ending(".csv.zip"),
        Case::new(
            "a file that is too large",
            filled(3_200_000, 1),
            &["unpacks to more than 3 MiB", "--bill-limit part-bytes"],
        ),
        Case { files: (1..=4).map(|seed| filled(1_100_000, seed)).collect(), names_file: false, ..parts },
    ]
}

/// One file of an archive, and what its headers say of it.
#[derive(Clone)]
struct Entry {
    name: &'static str,
    text: Vec<u8>,
    packed: Vec<u8>,
    flags: u16,
    method: u16,
    /// Checksum, packed and unpacked size before the file.
    stated: [u32; 3],
    /// The same in the directory.
    listed: [u32; 3],
    extra: Vec<u8>,
}

impl Entry {
    fn new(text: &[u8]) -> Self {
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
        deflate.write_all(text).unwrap();
        let packed = deflate.finish().unwrap();
        let mut crc = Crc::new();
        crc.update(text);
        let [length, unpacked] = [packed.len(), text.len()].map(|length| u32::try_from(length).unwrap());
        let stated = [crc.sum(), length, unpacked];
        Self {
            name: "R-00001.csv",
            text: text.to_vec(),
            packed,
            flags: 0,
            method: 8,
            stated,
            listed: stated,
            extra: Vec::new(),
        }
    }

    fn local(&self) -> Vec<u8> {
        let [name, extra] =
            [self.name.len(), self.extra.len()].map(|length| u16::try_from(length).unwrap().to_le_bytes());
        let mut out =
            [&b"PK\x03\x04\x14\0"[..], &self.flags.to_le_bytes(), &self.method.to_le_bytes(), &[0; 4]].concat();
        out.extend(self.stated.map(u32::to_le_bytes).concat());
        out.extend([&name[..], &extra, self.name.as_bytes(), &self.extra, &self.packed].concat());
        out
    }

    fn listed(&self) -> Vec<u8> {
        let name = u16::try_from(self.name.len()).unwrap().to_le_bytes();
        let mut out =
            [&b"PK\x01\x02\x14\0\x14\0"[..], &self.flags.to_le_bytes(), &self.method.to_le_bytes(), &[0; 4]].concat();
        out.extend(self.listed.map(u32::to_le_bytes).concat());
        out.extend([&name[..], &[0; 16], self.name.as_bytes()].concat());
        out
    }
}

const END: &[u8] = b"PK\x05\x06\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0";

fn archive(entries: &[Entry]) -> Vec<u8> {
    let locals = entries.iter().flat_map(Entry::local);
    locals.chain(entries.iter().flat_map(Entry::listed)).chain(END.iter().copied()).collect()
}

/// An archive of one file with a name of its own, which is no lie.
pub fn archive_named(name: &'static str, text: &str) -> Vec<u8> {
    archive(&[Entry { name, ..Entry::new(text.as_bytes()) }])
}

/// An archive of one file that is not packed.
pub fn archive_stored(text: &str) -> Vec<u8> {
    let entry = Entry::new(text.as_bytes());
    let stated = [entry.stated[0], entry.stated[2], entry.stated[2]];
    archive(&[Entry { packed: entry.text.clone(), method: 0, stated, listed: stated, ..entry }])
}

fn zipped() -> Vec<Case> {
    let one = Entry::new(good().as_bytes());
    let whole = archive(std::slice::from_ref(&one));
    let data = one.local().len();
    let lies = |at: usize, value: u32| {
        let mut stated = one.stated;
        stated[at] = value;
        archive(&[Entry { stated, ..one.clone() }])
    };
    let zip64 = [&[1, 0, 16, 0][..], &u64::MAX.to_le_bytes(), &u64::MAX.to_le_bytes()].concat();
    let big = Entry { stated: [one.stated[0], u32::MAX, u32::MAX], extra: zip64, ..one.clone() };
    let several = "holds more than one file";
    let size = "has not the size and the checksum that it states";
    let mut cases: Vec<Case> = [
        ("two files", archive(&[one.clone(), one.clone()]), &[several][..]),
        ("a folder", archive(&[Entry { name: "R/", ..Entry::new(b"") }, one.clone()]), &["`R/`, which is no csv"]),
        ("a file that is no csv", archive(&[Entry { name: "R.exe", ..one.clone() }]), &["`R.exe`, which is no csv"]),
        ("an encrypted file", archive(&[Entry { flags: 1, ..one.clone() }]), &["is encrypted"]),
        ("bzip2 in an archive", archive(&[Entry { method: 12, ..one.clone() }]), &["packed by method 12"]),
        ("AES in an archive", archive(&[Entry { method: 99, ..one.clone() }]), &["packed by method 99"]),
        (
            "stored without a size",
            archive(&[Entry { method: 0, flags: 8, ..one.clone() }]),
            &["stored without its size"],
        ),
        ("another checksum", lies(0, 1), &[size]),
        ("another packed size", lies(1, 5), &[size]),
        ("another size", lies(2, u32::MAX - 1), &[size]),
        ("64-bit sizes that lie", archive(&[big]), &[size]),
        (
            "another checksum in the directory",
            archive(&[Entry { listed: [1, one.stated[1], one.stated[2]], ..one.clone() }]),
            &["tells of another file"],
        ),
        ("two that overlap", [one.local(), one.listed(), one.listed(), END.to_vec()].concat(), &[several]),
        (
            "another name in the directory",
            [one.local(), Entry { name: "R-00002.csv", ..one.clone() }.listed(), END.to_vec()].concat(),
            &["tells of another file"],
        ),
        ("no directory", one.local(), &["could not be unpacked"]),
        ("bytes behind an archive", [whole.clone(), b"x".to_vec()].concat(), &["bytes behind its end"]),
        ("an archive within an archive", archive(&[Entry::new(&whole)]), &["header", "UTF-8"]),
        ("no file at all", END.to_vec(), &["none of the formats"]),
    ]
    .map(|(name, file, says)| Case::new(format!("archive: {name}"), file, says))
    .into();
    for at in [5, 29, 35, data / 2, data + 3, whole.len() - 20, whole.len() - 1] {
        cases.push(Case::new(
            format!("archive cut off after {at} bytes"),
            whole[..at].to_vec(),
            &["could not be unpacked"],
        ));
    }
    cases.into_iter().map(|case| case.ending(".csv.zip")).collect()
}
