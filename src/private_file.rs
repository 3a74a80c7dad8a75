//! Files that only the gateway's own user may read: the embedded ledger with its signing keys, the demo's passwords.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::Context;

/// A folder for such files, made if there is none. One that is there keeps its permissions: it may hold other things.
pub fn folder(path: &Path) -> anyhow::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("the folder {} cannot be made", path.display()))
}

/// Such a file, made if there is none; its content stays.
pub fn file(path: &Path) -> anyhow::Result<File> {
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    let file = opened.with_context(|| format!("{} cannot be opened", path.display()))?;
    file.set_permissions(Permissions::from_mode(0o600)).with_context(|| format!("{} cannot be kept private", path.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_reads_what_is_private() {
        let home = tempfile::tempdir().unwrap();
        let (inner, held) = (home.path().join("a/b"), home.path().join("a/b/book"));
        folder(&inner).unwrap();
        std::fs::write(&held, "kept").unwrap();
        file(&held).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&inner), mode(&held)), (0o700, 0o600));
        assert_eq!(std::fs::read_to_string(&held).unwrap(), "kept");
    }
}
