//! Planted secrets, and a scan that finds them however they are written down.

use std::fmt::Write as _;
use std::path::Path;

use aho_corasick::AhoCorasick;

/// A secret, and what it is called when it is found.
#[derive(Debug, Clone)]
pub struct Secret {
    what: String,
    /// Every way of writing it.
    forms: Vec<(&'static str, String)>,
}

impl Secret {
    /// A secret that is to be found nowhere.
    pub fn new(what: impl Into<String>, value: &str) -> Self {
        assert!(value.len() >= 16, "too short to tell from chance");
        let bytes = value.as_bytes();
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
            hex
        });
        let percent: String = url::form_urlencoded::byte_serialize(bytes).collect();
        let mut forms = vec![("plain", value.to_owned()), ("hex", hex.clone()), ("hex", hex.to_uppercase())];
        forms.push(("percent-encoded", percent.to_lowercase()));
        forms.push(("percent-encoded", percent));
        // Where it stands in the encoded text decides how it looks.
        forms.extend((0..3).map(|before| ("base64", base64_inside(bytes, before))));
        forms.extend((0..3).map(|before| ("base64", base64_inside(bytes, before).replace('+', "-").replace('/', "_"))));
        forms.sort();
        forms.dedup_by(|left, right| left.1 == right.1);
        Self { what: what.into(), forms }
    }
}

/// What base64 makes of `bytes` with `before` others before them, as far as that does not hang on what is around.
fn base64_inside(bytes: &[u8], before: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let first = (before * 8).div_ceil(6);
    let whole = (before + bytes.len()) * 8 / 6;
    let bit = |index: usize| bytes[index / 8 - before] >> (7 - index % 8) & 1;
    let letter = |place: usize| (place * 6..place * 6 + 6).fold(0, |all, index| all << 1 | usize::from(bit(index)));
    (first..whole).map(|place| char::from(LETTERS[letter(place)])).collect()
}

/// A search for all forms of many secrets in one pass: there are hundreds, and logs are long.
pub struct Scan {
    /// What is told of each form.
    names: Vec<String>,
    forms: AhoCorasick,
}

impl Scan {
    /// A search for these.
    pub fn of(secrets: &[Secret]) -> Self {
        let forms = secrets.iter().flat_map(|secret| secret.forms.iter().map(move |form| (&secret.what, form)));
        let (names, written): (Vec<String>, Vec<&str>) =
            forms.map(|(what, (how, written))| (format!("{what}, {how}"), written.as_str())).unzip();
        Self { names, forms: AhoCorasick::new(written).expect("secrets are short") }
    }

    /// Which secrets are in a text, and how they are written there.
    pub fn found(&self, text: &[u8]) -> Vec<String> {
        let mut found: Vec<usize> =
            self.forms.find_overlapping_iter(text).map(|found| found.pattern().as_usize()).collect();
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|form| self.names[form].clone()).collect()
    }

    /// The same of every file below a folder, with the file's name.
    pub fn found_below(&self, folder: &Path) -> Vec<String> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                all.extend(self.found_below(&entry));
            } else {
                // A file that went away meanwhile has nothing in it.
                let bytes = std::fs::read(&entry).unwrap_or_default();
                all.extend(self.found(&bytes).into_iter().map(|found| format!("{}: {found}", entry.display())));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    #[test]
    fn a_planted_secret_is_found_however_it_is_written() {
        let scan = Scan::of(&[Secret::new("a key", VALUE)]);
        for (how, text) in [
            ("plain", format!("…{VALUE}…")),
            ("hex", "774a616c725855746e46454d492f4b374d44454e472b6250785266694359455841 no".replace(' ', "")),
            ("percent-encoded", "secret=wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY&x".to_owned()),
            ("percent-encoded", "secret=wjalrxutnfemi%2fk7mdeng%2bbpxrficyexamplekey&x".to_owned()),
            ("base64", "d0phbHJYVXRuRkVNSS9LN01ERU5HK2JQeFJmaUNZRVhBTVBMRUtFWQ==".to_owned()),
            // `id:` and `id-:` before it, as in HTTP Basic.
            ("base64", "aWQ6d0phbHJYVXRuRkVNSS9LN01ERU5HK2JQeFJmaUNZRVhBTVBMRUtFWQ==".to_owned()),
            ("base64", "aWQtOndKYWxyWFV0bkZFTUkvSzdNREVORytiUHhSZmlDWUVYQU1QTEVLRVk=".to_owned()),
        ] {
            let whole = if how == "hex" { text.replace("no", "4d504c454b4559") } else { text };
            assert_eq!(scan.found(whole.as_bytes()), [format!("a key, {how}")], "{whole}");
        }
        assert_eq!(scan.found(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKE"), [""; 0], "not the whole of it");
    }

    #[test]
    fn a_planted_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let scan = Scan::of(&[Secret::new("a key", VALUE)]);
        std::fs::write(inner.join("innocent"), "nothing").unwrap();
        assert_eq!(scan.found_below(folder.path()), [""; 0]);
        let mut bytes = vec![0, 255, 128];
        bytes.extend(VALUE.as_bytes());
        std::fs::write(inner.join("log"), bytes).unwrap();
        assert_eq!(scan.found_below(folder.path()).len(), 1);
    }
}
