//! Interning: each distinct run of bytes once, under a small number, so that cells which repeat cost no copy.

use std::hash::Hash;

use ahash::RandomState;
use hashbrown::HashTable;

/// Distinct byte strings, numbered from 0 in the order in which they first came.
#[derive(Debug)]
pub(crate) struct Interner {
    table: HashTable<u32>,
    hasher: RandomState,
    bytes: Vec<u8>,
    /// Where each begins, and where the last one ends, as Arrow has offsets.
    offsets: Vec<i32>,
    hashes: Vec<u64>,
    /// The number given out last: neighbours are often the same.
    last: u32,
}

impl Default for Interner {
    fn default() -> Self {
        Self {
            table: HashTable::new(),
            hasher: RandomState::new(),
            bytes: Vec::new(),
            offsets: vec![0],
            hashes: Vec::new(),
            last: 0,
        }
    }
}

impl Interner {
    /// The number of `value`, a new one where it was not seen before.
    ///
    /// All values together must stay below 2 GiB, which callers see to by [`Self::size`].
    #[inline]
    pub(crate) fn intern(&mut self, value: &[u8]) -> u32 {
        if !self.hashes.is_empty() && self.get(self.last) == value {
            return self.last;
        }
        let hash = self.hasher.hash_one(value);
        let Self { table, hashes, bytes, offsets, .. } = self;
        let is_it = |id: &u32| hashes[*id as usize] == hash && slice(bytes, offsets, *id) == value;
        let found = table.find(hash, is_it).copied();
        self.last = found.unwrap_or_else(|| self.insert(hash, value));
        self.last
    }

    /// Likewise, of numbers that are all of one type.
    #[inline]
    pub(crate) fn intern_number<N: Number>(&mut self, number: N) -> u32 {
        if !self.hashes.is_empty() && N::at(&self.bytes, self.last) == number {
            return self.last;
        }
        let hash = self.hasher.hash_one(number);
        let found = self.table.find(hash, |id| N::at(&self.bytes, *id) == number).copied();
        self.last = found.unwrap_or_else(|| self.insert(hash, number.bytes().as_ref()));
        self.last
    }

    #[cold]
    fn insert(&mut self, hash: u64, value: &[u8]) -> u32 {
        let id = u32::try_from(self.hashes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(value);
        self.offsets.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
        self.hashes.push(hash);
        let Self { table, hashes, .. } = self;
        table.insert_unique(hash, id, |id| hashes[*id as usize]);
        id
    }

    /// The value of a number that was given out.
    #[inline]
    pub(crate) fn get(&self, id: u32) -> &[u8] {
        slice(&self.bytes, &self.offsets, id)
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// All values, by their numbers.
    pub(crate) fn values(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|id| self.get(u32::try_from(id).unwrap_or(u32::MAX)))
    }

    /// The bytes of all values, one after the other.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The memory that it takes, about, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.len() * 18
    }

    /// Hands all values out: their bytes, and the offsets of each within them. None is known any more.
    pub(crate) fn take(&mut self) -> (Vec<u8>, Vec<i32>) {
        let (bytes, count) = (self.bytes.len(), self.offsets.len());
        // The next values will be about as many.
        let mut offsets = Vec::with_capacity(count + count / 8);
        offsets.push(0);
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(bytes + bytes / 8));
        let offsets = std::mem::replace(&mut self.offsets, offsets);
        self.clear();
        (bytes, offsets)
    }

    /// All values, which stay known: their bytes, and the offsets of each within them.
    pub(crate) fn to_vecs(&self) -> (Vec<u8>, Vec<i32>) {
        (self.bytes.clone(), self.offsets.clone())
    }

    /// Forgets all values and keeps the memory for the next ones.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.bytes.clear();
        self.offsets.truncate(1);
        self.hashes.clear();
        self.last = 0;
    }
}

#[inline]
fn slice<'b>(bytes: &'b [u8], offsets: &[i32], id: u32) -> &'b [u8] {
    let id = id as usize;
    let [start, end] = [offsets[id], offsets[id + 1]].map(i32::cast_unsigned);
    &bytes[start as usize..end as usize]
}

/// Numbers that an interner takes: compared as numbers, which is quicker than as bytes.
pub(crate) trait Number: Copy + Eq + Hash {
    /// The bytes of one.
    type Bytes: AsRef<[u8]>;

    /// Its bytes in memory.
    fn bytes(self) -> Self::Bytes;

    /// The one at a place among the bytes of many.
    fn at(bytes: &[u8], place: u32) -> Self;
}

macro_rules! number {
    ($type:ty) => {
        impl Number for $type {
            type Bytes = [u8; size_of::<Self>()];

            #[inline]
            fn bytes(self) -> Self::Bytes {
                self.to_ne_bytes()
            }

            #[inline]
            fn at(bytes: &[u8], place: u32) -> Self {
                let start = place as usize * size_of::<Self>();
                Self::from_ne_bytes(bytes[start..start + size_of::<Self>()].try_into().unwrap_or_default())
            }
        }
    };
}

number!(u64);
number!(u128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_one_number() {
        let mut interner = Interner::default();
        for round in 0..2 {
            let ids: Vec<_> = ["a", "", "b", "b", "a", "ab", ""].map(|value| interner.intern(value.as_bytes())).into();
            assert_eq!(ids, [0, 1, 2, 2, 0, 3, 1], "round {round}");
            assert_eq!(interner.values().collect::<Vec<_>>(), [&b"a"[..], b"", b"b", b"ab"]);
            assert_eq!((interner.len(), interner.bytes()), (4, &b"abab"[..]));
            if round == 0 {
                assert_eq!(interner.take(), (b"abab".to_vec(), vec![0, 1, 1, 2, 4]));
            }
        }
        interner.clear();
        assert_eq!(interner.len(), 0);
    }

    #[test]
    fn numbers_are_values_of_one_length() {
        let mut interner = Interner::default();
        let ids: Vec<_> = [7_u64, u64::MAX, 7, 0, u64::MAX].map(|number| interner.intern_number(number)).into();
        assert_eq!(ids, [0, 1, 0, 2, 1]);
        interner.clear();
        let ids: Vec<_> = [7_u128, 1 << 127, 7, 0, 1 << 127].map(|number| interner.intern_number(number)).into();
        assert_eq!(ids, [0, 1, 0, 2, 1]);
        assert_eq!(interner.get(1), (1_u128 << 127).to_ne_bytes());
    }

    #[test]
    fn very_many_values_are_found_again() {
        let mut interner = Interner::default();
        let ids: Vec<_> = (0..100_000).map(|at| interner.intern(at.to_string().as_bytes())).collect();
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(interner.get(*id), at.to_string().as_bytes());
            assert_eq!(interner.intern(at.to_string().as_bytes()), *id);
        }
    }
}
