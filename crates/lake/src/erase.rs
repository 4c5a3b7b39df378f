//! Erasing an org's lake: its table, its receipts, its folder.

use std::io::ErrorKind;

use futures::StreamExt;

use crate::error::LakeError;
use crate::table::OrgLake;

impl OrgLake {
    /// Removes everything of the org, every version of it; nothing where there is nothing. There is no way back.
    pub async fn erase(&self) -> Result<(), LakeError> {
        self.forget_snapshot();
        let folder = self.folder_path()?;
        let listed = self.shared.store.list(Some(&folder)).map(|file| file.map(|file| file.location));
        let mut removed = self.shared.store.delete_stream(listed.boxed());
        while let Some(path) = removed.next().await {
            match path {
                // Somebody else who erases the same was quicker.
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // On a disk the folders are left, with what was half written: names that a store never lists.
        if let Ok(folder) = self.folder_url().to_file_path() {
            match tokio::fs::remove_dir_all(&folder).await {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(LakeError::Folder { path: folder.display().to_string(), source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use billing::names::OrgId;
    use object_store::path::Path;
    use object_store::{ObjectStoreExt, PutPayload};

    use crate::{Lake, LakeSettings};

    #[tokio::test]
    async fn one_orgs_lake_goes_whole_and_no_other() {
        let root = tempfile::tempdir().unwrap();
        let lake = Lake::open(root.path(), LakeSettings::default()).unwrap();
        let orgs: Vec<OrgId> = ["123456", "1234567"].iter().map(|org| org.parse().unwrap()).collect();
        for org in &orgs {
            let store = &lake.org(*org).shared.store.clone();
            let base = lake.org(*org).folder_path().unwrap();
            for name in ["charges/_delta_log/0.json", "charges/a.parquet", "receipts/x/2026-10.json"] {
                let path: Path = format!("{base}/{name}").into();
                store.put(&path, PutPayload::from_static(b"x")).await.unwrap();
            }
            std::fs::write(root.path().join(format!("orgs/{org}/charges/b.parquet#1")), "half").unwrap();
        }
        lake.org(orgs[0]).erase().await.unwrap();
        lake.org(orgs[0]).erase().await.unwrap();
        let left: Vec<_> =
            std::fs::read_dir(root.path().join("orgs")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["1234567"]);
        assert!(root.path().join("orgs/1234567/charges/a.parquet").exists());
    }
}
