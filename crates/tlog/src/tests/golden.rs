//! Every printed format as a file in `tests/data/tlog`. `UPDATE_GOLDEN=1` writes them anew; what changes then
//! is a change of a public format and is reviewed as one. What is read from a file prints as the same bytes.

use std::path::PathBuf;

use super::store::Store;
use super::*;

const ENTRIES: u64 = 300;

/// Compares with the file, and gives its bytes.
fn golden(file: &str, printed: impl AsRef<[u8]>) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tlog");
    let path = folder.join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &printed).unwrap();
    }
    let kept = std::fs::read(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(kept == printed.as_ref(), "{file} is printed differently");
    kept
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_state_of_a_tree() {
    let frontier = Store::of(leaves(ENTRIES)).frontier;
    let kept = golden("frontier-300.bin", frontier.to_bytes());
    assert_eq!(Frontier::from_bytes(&kept), Ok(frontier));
}

#[test]
fn tiles_and_bundles() {
    let store = Store::of(leaves(ENTRIES));
    let mut paths = String::new();
    for tile in Tile::changed(0, ENTRIES) {
        paths.push_str(&format!("{tile}\n"));
        let mut hashes = vec![Hash::EMPTY_TREE; usize::from(tile.width())];
        store.read_tile(tile, &mut hashes).unwrap();
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        let file = format!("tile-{}-{}-{}.bin", tile.level(), tile.index(), tile.width());
        let kept = golden(&file, &bytes);
        let mut read = vec![Hash::EMPTY_TREE; hashes.len()];
        tile.copy_hashes(&kept, &mut read).unwrap();
        assert_eq!(read, hashes);
    }
    for bundle in EntryBundle::changed(0, ENTRIES) {
        paths.push_str(&format!("{bundle}\n"));
        let first = bundle.index() * 256;
        let entries: Vec<String> =
            (first..first + u64::from(bundle.width())).map(|number| number.to_string()).collect();
        let mut bytes = Vec::new();
        for entry in &entries {
            push_entry(&mut bytes, entry.as_bytes()).unwrap();
        }
        let kept = golden(&format!("entries-{}-{}.bin", bundle.index(), bundle.width()), &bytes);
        let read = split_entries(bundle, &kept).unwrap();
        assert_eq!(read, entries.iter().map(String::as_bytes).collect::<Vec<_>>());
    }
    for index in [0, 999, 1000, 1_234_067, TILE_INDEX_MAX] {
        for width in [1, 255, 256] {
            paths.push_str(&format!("{}\n", Tile::new(7, index, width).unwrap()));
            paths.push_str(&format!("{}\n", EntryBundle::new(index, width).unwrap()));
        }
    }
    for path in text(golden("paths.txt", &paths)).lines() {
        let again = match EntryBundle::parse(path) {
            Ok(bundle) => bundle.to_string(),
            Err(_) => Tile::parse(path).unwrap().to_string(),
        };
        assert_eq!(again, path);
    }
}

#[test]
fn keys() {
    let keys = [log_key(), witness_key(1), witness_key(2)];
    let public: Vec<String> = keys.iter().map(|key| key.verifier().to_string()).collect();
    let secret: Vec<String> = keys.iter().map(SignerKey::secret_text).collect();
    let public = text(golden("verifier-keys.txt", public.join("\n")));
    let secret = text(golden("signer-keys.txt", secret.join("\n")));
    for ((key, public), secret) in keys.iter().zip(public.lines()).zip(secret.lines()) {
        assert_eq!(VerifierKey::parse(public).as_ref(), Ok(key.verifier()));
        assert_eq!(SignerKey::parse(secret).unwrap().verifier(), key.verifier());
    }
}

#[test]
fn notes_and_checkpoints() {
    let note = Note::sign("A text with an empty line:\n\nthe end.\n", &log_key()).unwrap();
    assert_eq!(Note::parse(&golden("note.txt", note.to_string())), Ok(note));

    let head = Store::of(leaves(ENTRIES)).frontier.head();
    for (file, checkpoint) in [
        ("checkpoint-0.txt", signed(TreeHead::EMPTY)),
        ("checkpoint-300.txt", signed(head)),
        ("checkpoint-300-cosigned.txt", cosigned(head, &[1, 2])),
    ] {
        let kept = golden(file, checkpoint.to_string());
        assert_eq!(SignedCheckpoint::parse(&kept), Ok(checkpoint));
    }
}

#[test]
fn proofs() {
    let store = Store::of(leaves(ENTRIES));
    let head = store.frontier.head();
    let proof = prove_inclusion(&store, 123, ENTRIES).unwrap();
    let file = ProofFile::new(123, proof, cosigned(head, &[1, 2]));
    let with_extra = file.clone().with_extra(b"a note of the application".to_vec()).unwrap();
    for (name, file) in [("entry-123.tlog-proof", file), ("extra.tlog-proof", with_extra)] {
        let kept = golden(name, file.to_string());
        let read = ProofFile::parse(&kept).unwrap();
        assert_eq!(read, file);
        let policy = policy(&[1, 2], 2);
        read.verify(leaves(124).last().unwrap(), &policy).unwrap();
    }

    let proof = prove_consistency(&store, 200, ENTRIES).unwrap();
    let request = AddCheckpoint::new(200, proof, signed(head)).unwrap();
    let kept = golden("add-checkpoint.txt", request.to_string());
    assert_eq!(AddCheckpoint::parse(&kept), Ok(request));
    let signatures = &cosigned(head, &[1, 2]).note().signatures()[1..].to_vec();
    let kept = golden("add-checkpoint-200.txt", print_cosignatures(signatures));
    assert_eq!(parse_cosignatures(&kept).as_ref(), Ok(signatures));
    assert_eq!(parse_size(&golden("add-checkpoint-409.txt", print_size(200))), Ok(200));
}
