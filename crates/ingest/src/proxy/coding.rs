//! Content codings of answers (RFC 9110 §8.4.1). We ask for none, but some applications and load
//! balancers compress all the same, and an answer that cannot be read cannot be recorded.

use std::io::Read;

use axum::body::Bytes;
use axum::http::header::{self, HeaderMap};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// At most this many codings, one over the other.
const CODINGS_MAX: usize = 2;

/// Why a body is not read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    /// Decoded, it is larger than allowed.
    TooLarge,
    /// What is wrong with it, to be put after "it".
    Unreadable(String),
}

/// The codings of an answer in the order in which they were applied, in lower case.
pub(crate) fn codings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONTENT_ENCODING).into_iter();
    let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).to_lowercase());
    let all: Vec<String> = values.collect();
    let all = all.iter().flat_map(|value| value.split(',')).map(str::trim);
    all.filter(|coding| !coding.is_empty() && *coding != "identity").map(str::to_owned).collect()
}

/// Decodes a body to at most `bytes_max` bytes.
pub(crate) fn decoded(body: &Bytes, codings: &[String], bytes_max: usize) -> Result<Bytes, Unread> {
    if codings.len() > CODINGS_MAX {
        let words = format!("is encoded more than {CODINGS_MAX} times over");
        return Err(Unread::Unreadable(words));
    }
    let mut body = body.clone();
    for coding in codings.iter().rev() {
        body = one(&body, coding, bytes_max)?;
    }
    Ok(body)
}

fn one(body: &[u8], coding: &str, bytes_max: usize) -> Result<Bytes, Unread> {
    let decoder: Box<dyn Read> = match coding {
        "gzip" | "x-gzip" => Box::new(MultiGzDecoder::new(body)),
        // RFC 9110 §8.4.1.2: some send the data without zlib's header, against its definition.
        "deflate" if is_zlib(body) => Box::new(ZlibDecoder::new(body)),
        "deflate" => Box::new(DeflateDecoder::new(body)),
        // Repeat the name of an unknown coding only if it is one short word.
        word if word.len() <= 16 && word.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            let words = format!("has the content coding {word}, which is not read");
            return Err(Unread::Unreadable(words));
        }
        _ => return Err(Unread::Unreadable("has a content coding that is not read".to_owned())),
    };
    let mut out = Vec::new();
    let limit = bytes_max as u64 + 1;
    if decoder.take(limit).read_to_end(&mut out).is_err() {
        return Err(Unread::Unreadable(format!("is no {coding}, although it says so")));
    }
    match out.len() > bytes_max {
        true => Err(Unread::TooLarge),
        false => Ok(out.into()),
    }
}

fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..]
        if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = br#"{"id": "7"}"#;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(vec![], Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(vec![], Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[track_caller]
    fn check(said: &[&'static str], body: Vec<u8>, expected: Result<&[u8], &str>) {
        let mut headers = HeaderMap::new();
        for value in said {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        match (decoded(&body.into(), &codings(&headers), 1_000), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(Unread::Unreadable(words)), Err(expected)) => assert_eq!(words, expected),
            (got, expected) => panic!("{got:?} is not {expected:?}"),
        }
    }

    #[test]
    fn what_is_compressed_is_read() {
        check(&[], TEXT.to_vec(), Ok(TEXT));
        check(&["identity", ""], TEXT.to_vec(), Ok(TEXT));
        check(&["gzip"], gzip(TEXT), Ok(TEXT));
        check(&["X-GZip"], [gzip(b"{"), gzip(b"}")].concat(), Ok(b"{}"));
        check(&["deflate"], zlib(TEXT), Ok(TEXT));
        check(&["deflate"], raw_deflate(TEXT), Ok(TEXT));
        check(&["deflate, gzip"], gzip(&zlib(TEXT)), Ok(TEXT));
        check(&["deflate", "gzip"], gzip(&zlib(TEXT)), Ok(TEXT));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        check(&["br"], vec![1], Err("has the content coding br, which is not read"));
        check(&["a b"], vec![1], Err("has a content coding that is not read"));
        check(&["gzip"], TEXT.to_vec(), Err("is no gzip, although it says so"));
        check(&["gzip"], gzip(TEXT)[..12].to_vec(), Err("is no gzip, although it says so"));
        let thrice = gzip(&gzip(&gzip(TEXT)));
        check(&["gzip,gzip,gzip"], thrice, Err("is encoded more than 2 times over"));
    }

    #[test]
    fn a_small_body_that_grows_without_end_is_not_read() {
        let large = vec![b' '; 1_001];
        let codings = ["gzip".to_owned(), "gzip".to_owned()];
        for (body, codings) in [(gzip(&large), &codings[..1]), (gzip(&gzip(&large)), &codings)] {
            assert_eq!(decoded(&body.clone().into(), codings, 1_000), Err(Unread::TooLarge));
            assert_eq!(decoded(&body.into(), codings, 1_001).unwrap(), large);
        }
    }
}
