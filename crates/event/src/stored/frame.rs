//! The outer form of a stored event: which bytes are the header, the structural facts and each part. It
//! decodes none of them. [`crate::codec`] draws it.

use crate::codec::CodecError;
use crate::id::Number;

/// The version byte of the events that this program writes.
pub(crate) const EVENT_VERSION: u8 = 2;
/// Events of before the first release, whose form is gone.
const UNRELEASED: u8 = 1;
/// Bytes of a commitment.
pub const COMMITMENT_BYTES: usize = 32;
/// The fewest bytes of a part: kind, form, no subject, no commitment, no content.
const PART_BYTES_MIN: usize = 5;

/// An event, apart but not decoded.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame<'a> {
    /// The stored number of its kind.
    pub kind: u8,
    /// The header's bytes.
    pub header: &'a [u8],
    /// The bytes of the structural facts; empty if there are none.
    pub structure: &'a [u8],
    /// The parts, in their order.
    pub parts: Vec<FramedPart<'a>>,
}

/// One part, not decoded.
#[derive(Clone, PartialEq, Debug)]
pub struct FramedPart<'a> {
    /// The stored number of its kind.
    pub kind: u8,
    /// How its bytes are to be read.
    pub form: u8,
    /// Whom it is about: first the one that it belongs to. Nobody is left out.
    pub subject: Option<Number>,
    /// The others, ascending. Most parts have none, and a list without numbers takes no memory.
    pub others: Vec<Number>,
    /// What the part is committed to, whatever becomes of its bytes.
    pub commitment: Option<[u8; COMMITMENT_BYTES]>,
    /// The stored bytes.
    pub bytes: &'a [u8],
}

/// How lengths and counts are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lengths {
    /// As stored.
    Short,
    /// In four bytes, the first of which is zero, so that no two texts look like one.
    Apart,
}

/// Writes a frame, piece by piece.
pub(crate) struct FrameWriter {
    out: Vec<u8>,
    lengths: Lengths,
}

impl FrameWriter {
    /// Begins an event; `bytes_hint` is about how many bytes it will have.
    pub(crate) fn new(kind: u8, lengths: Lengths, bytes_hint: usize) -> FrameWriter {
        let mut out = Vec::with_capacity(bytes_hint);
        out.extend_from_slice(&[EVENT_VERSION, kind]);
        FrameWriter { out, lengths }
    }

    /// Writes bytes behind their length: the header, then the structural facts.
    pub(crate) fn sized(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        self.count(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes a count or a length.
    pub(crate) fn count(&mut self, count: usize) -> Result<(), CodecError> {
        let count = u32::try_from(count).map_err(|_| CodecError::Length)?;
        match self.lengths {
            Lengths::Short => put_varint(&mut self.out, count.into()),
            Lengths::Apart => self.out.extend_from_slice(&count.to_be_bytes()),
        }
        Ok(())
    }

    /// Writes one part.
    pub(crate) fn part(&mut self, part: &FramedPart<'_>) -> Result<(), CodecError> {
        let FramedPart { kind, form, subject, others, commitment, bytes } = part;
        self.put(*kind, *form, (*subject, others), commitment.as_ref(), bytes)
    }

    /// The same from its pieces.
    pub(crate) fn put(
        &mut self,
        kind: u8,
        form: u8,
        (subject, others): (Option<Number>, &[Number]),
        commitment: Option<&[u8; COMMITMENT_BYTES]>,
        bytes: &[u8],
    ) -> Result<(), CodecError> {
        self.out.extend_from_slice(&[kind, form]);
        let subjects = subject.iter().chain(others);
        self.count(subjects.clone().count())?;
        for subject in subjects {
            put_varint(&mut self.out, subject.0.into());
        }
        match commitment {
            None => self.out.push(0),
            Some(commitment) => {
                self.out.push(1);
                self.out.extend_from_slice(commitment);
            }
        }
        self.sized(bytes)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

impl<'a> Frame<'a> {
    /// The whole event.
    ///
    /// # Errors
    /// When the bytes are damaged, or of another version.
    pub fn read(bytes: &'a [u8]) -> Result<Frame<'a>, CodecError> {
        let mut rest = bytes;
        let (kind, header) = read_header(&mut rest)?;
        let structure = read_sized(&mut rest)?;
        let count = read_count(&mut rest)?;
        // So a damaged count cannot cause a large allocation.
        if count > rest.len() / PART_BYTES_MIN {
            return Err(CodecError::Length);
        }
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push(read_part(&mut rest)?);
        }
        if !rest.is_empty() {
            return Err(CodecError::Length);
        }
        Ok(Frame { kind, header, structure, parts })
    }

    /// The kind and the header alone.
    ///
    /// # Errors
    /// As [`Frame::read`].
    pub(crate) fn header_of(bytes: &'a [u8]) -> Result<(u8, &'a [u8]), CodecError> {
        let mut rest = bytes;
        read_header(&mut rest)
    }
}

fn read_header<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8]), CodecError> {
    let [version, kind] = take(rest, 2)? else { return Err(CodecError::Length) };
    match *version {
        EVENT_VERSION => Ok((*kind, read_sized(rest)?)),
        UNRELEASED => Err(CodecError::Unreleased),
        newer => Err(CodecError::Version(newer)),
    }
}

fn read_part<'a>(rest: &mut &'a [u8]) -> Result<FramedPart<'a>, CodecError> {
    let [kind, form] = take(rest, 2)? else { return Err(CodecError::Length) };
    let count = read_count(rest)?;
    if count > rest.len() {
        return Err(CodecError::Length);
    }
    let subject = if count == 0 { None } else { Some(read_number(rest)?) };
    // Nobody is left out, so each part has one form.
    if subject == Some(Number::NOBODY) {
        return Err(CodecError::Length);
    }
    let mut others = Vec::with_capacity(count.saturating_sub(1));
    for _ in 1..count {
        others.push(read_number(rest)?);
    }
    let commitment = match take(rest, 1)? {
        [0] => None,
        [1] => {
            let bytes = take(rest, COMMITMENT_BYTES)?;
            Some(bytes.try_into().map_err(|_| CodecError::Length)?)
        }
        _ => return Err(CodecError::Length),
    };
    let bytes = read_sized(rest)?;
    Ok(FramedPart { kind: *kind, form: *form, subject, others, commitment, bytes })
}

fn read_sized<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let length = read_count(rest)?;
    take(rest, length)
}

pub(crate) fn read_count(rest: &mut &[u8]) -> Result<usize, CodecError> {
    let count = u32::try_from(read_varint(rest)?).map_err(|_| CodecError::Length)?;
    usize::try_from(count).map_err(|_| CodecError::Length)
}

pub(crate) fn read_number(rest: &mut &[u8]) -> Result<Number, CodecError> {
    u32::try_from(read_varint(rest)?).map(Number).map_err(|_| CodecError::Length)
}

pub(crate) fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], CodecError> {
    let (taken, left) = rest.split_at_checked(length).ok_or(CodecError::Length)?;
    *rest = left;
    Ok(taken)
}

/// Writes a number: seven bits a byte, the lowest first; the high bit says that more follow.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads what [`put_varint`] wrote, and nothing longer: each number has one form.
///
/// # Errors
/// When the bytes are no such number.
pub fn read_varint(rest: &mut &[u8]) -> Result<u64, CodecError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = *take(rest, 1)? else { return Err(CodecError::Length) };
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err(CodecError::Length);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return if byte == 0 && shift > 0 { Err(CodecError::Length) } else { Ok(value) };
        }
    }
    Err(CodecError::Length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_nobody_has_one_form() {
        let event = |subject: Option<Number>, others: Vec<Number>| {
            let mut out = FrameWriter::new(1, Lengths::Short, 0);
            out.sized(b"header").unwrap();
            out.sized(b"").unwrap();
            out.count(1).unwrap();
            let part =
                FramedPart { kind: 3, form: 0, subject, others, commitment: None, bytes: b"{}" };
            out.part(&part).unwrap();
            (out.into_bytes(), part)
        };
        for (subject, others) in [(None, vec![]), (Some(Number(4)), vec![Number(2), Number(9)])] {
            let (bytes, part) = event(subject, others);
            assert_eq!(Frame::read(&bytes).unwrap().parts, [part]);
        }
        for others in [vec![], vec![Number(4)], vec![Number(4), Number(2)]] {
            let (bytes, _) = event(Some(Number::NOBODY), others);
            assert!(matches!(Frame::read(&bytes), Err(CodecError::Length)));
        }
    }

    #[test]
    fn a_number_has_one_form() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = vec![];
            put_varint(&mut bytes, value);
            let mut rest = bytes.as_slice();
            assert_eq!(read_varint(&mut rest).unwrap(), value);
            assert!(rest.is_empty());
            for end in 0..bytes.len() {
                assert!(read_varint(&mut &bytes[..end]).is_err());
            }
        }
        assert!(read_varint(&mut [0x80, 0x00].as_slice()).is_err(), "longer than need be");
        assert!(read_varint(&mut [0xff; 9].as_slice()).is_err());
        let beyond = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert!(read_varint(&mut beyond.as_slice()).is_err());
    }
}
