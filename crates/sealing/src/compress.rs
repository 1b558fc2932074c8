//! Compression of parts: zstd with a dictionary that stands in the source.
//!
//! To make a context takes longer than to compress a part, so each thread keeps one for each direction. Parts
//! above [`KEPT_BYTES_MAX`] get a context of their own, so that what a thread keeps stays small.

use std::cell::RefCell;
use std::io::Cursor;
use std::sync::LazyLock;

use zstd_safe::{CCtx, CDict, CParameter, DCtx, DDict};

use crate::seal::{OpenError, PART_BYTES_MAX};

/// The version of the dictionary that new parts are compressed with. A released dictionary never changes, and
/// stays in the source for as long as a log may hold its parts.
pub const DICTIONARY_VERSION: u8 = 1;

/// Made of invented contents alone by the test `tests::dictionary`, which also says how to make it again.
pub(crate) const DICTIONARY_1: &[u8] = include_bytes!("dictionary-1.zstd");

/// Contents below this are not compressed: it saves next to nothing, and takes as long as to seal them.
const COMPRESSED_BYTES_MIN: usize = 48;
/// Contents above this do not use the context that the thread keeps.
const KEPT_BYTES_MAX: usize = 256 << 10;
/// zstd's level. Level 3 saves a thirtieth and takes a tenth longer: `crates/keys/examples/measure.rs`.
pub(crate) const LEVEL: i32 = 1;
/// What each zstd frame begins with (RFC 8878 §3.1.1). It is not stored.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

static COMPRESSION: LazyLock<CDict<'static>> = LazyLock::new(|| CDict::create(DICTIONARY_1, LEVEL));
static DECOMPRESSION: LazyLock<DDict<'static>> = LazyLock::new(|| DDict::create(DICTIONARY_1));

thread_local! {
    static COMPRESS: RefCell<CCtx<'static>> = RefCell::new(compressing());
    static DECOMPRESS: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// A context that writes neither a checksum, because the tag is one, nor the dictionary's number, because its
/// version is written.
fn compressing() -> CCtx<'static> {
    let mut context = CCtx::create();
    // None of these can fail: the parameters exist in every zstd, and no frame has begun.
    let _ = context.set_parameter(CParameter::ChecksumFlag(false));
    let _ = context.set_parameter(CParameter::DictIdFlag(false));
    let _ = context.set_parameter(CParameter::ContentSizeFlag(true));
    let _ = context.ref_cdict(&COMPRESSION);
    context
}

/// What form 2 seals of a content, behind `before` bytes of any value and with room for `after` more; `None` if
/// that is not smaller than the content. `before` is at least 3.
pub(crate) fn compress(content: &[u8], before: usize, after: usize) -> Option<Vec<u8>> {
    if content.len() < COMPRESSED_BYTES_MIN {
        return None;
    }
    // The frame begins 3 bytes early: its magic number has 4 bytes, and the version takes the place of the last.
    let begin = before + 1 - MAGIC.len();
    let mut out = vec![0; begin];
    out.reserve_exact(MAGIC.len() + content.len() + after);
    let mut out = Cursor::new(out);
    out.set_position(begin as u64);
    let compressed = if content.len() > KEPT_BYTES_MAX {
        compressing().compress2(&mut out, content)
    } else {
        COMPRESS.with_borrow_mut(|context| context.compress2(&mut out, content))
    };
    // It fails where the frame does not fit, and so is not smaller.
    compressed.ok()?;
    let mut out = out.into_inner();
    if out.len() - before >= content.len() || out.get(begin..begin + MAGIC.len())? != MAGIC {
        return None;
    }
    *out.get_mut(before)? = DICTIONARY_VERSION;
    Some(out)
}

/// Bytes that stand before what [`decompress`] is given.
pub(crate) const SPARE_BYTES: usize = MAGIC.len() - 1;

/// The content of what form 2 sealed, which stands behind [`SPARE_BYTES`] of any value. Allocates as much as
/// the frame says that the content has, and no more than [`PART_BYTES_MAX`].
pub(crate) fn decompress(mut frame: Vec<u8>) -> Result<Vec<u8>, OpenError> {
    let version = *frame.get(SPARE_BYTES).ok_or(OpenError::Frame)?;
    if version != DICTIONARY_VERSION {
        return Err(OpenError::Dictionary { version });
    }
    frame[..MAGIC.len()].copy_from_slice(&MAGIC);
    let size = zstd_safe::get_frame_content_size(&frame).ok().flatten().ok_or(OpenError::Frame)?;
    if size > PART_BYTES_MAX as u64 {
        return Err(OpenError::TooLarge { bytes: size });
    }
    // zstd would read on into a second frame.
    if zstd_safe::find_frame_compressed_size(&frame) != Ok(frame.len()) {
        return Err(OpenError::Frame);
    }
    let mut content = Vec::with_capacity(size as usize);
    let result = if size as usize > KEPT_BYTES_MAX {
        DCtx::create().decompress_using_ddict(&mut content, &frame, &DECOMPRESSION)
    } else {
        DECOMPRESS.with_borrow_mut(|context| {
            context.decompress_using_ddict(&mut content, &frame, &DECOMPRESSION)
        })
    };
    match result {
        Ok(_) if content.len() as u64 == size => Ok(content),
        _ => Err(OpenError::Frame),
    }
}
