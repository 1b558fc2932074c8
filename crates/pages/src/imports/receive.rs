//! The files of a form, as they arrive: the fields before them, then each into a temporary file.

use std::collections::BTreeMap;
use std::fs::File;

use axum::http::HeaderMap;
use importer::Room;
use query::visit::{Refusal, Uploading};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::job::{FILES_MAX, FORM_BYTES_MAX};
use crate::multipart::{Next, Reader};

/// All fields beside the files.
const FIELDS_BYTES_MAX: usize = 16 << 10;
/// The disk is looked at after this many bytes.
const LOOK_AT_DISK_BYTES: u64 = 1 << 20;

/// Why files were not received.
pub(super) enum Failed {
    /// The form is broken, or its sender is gone.
    Refused(Refusal),
    /// What is said above the form, which is shown again.
    Said(String),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Failed {
        Failed::Refused(refusal)
    }
}

/// A form that arrives.
pub(super) struct Form {
    reader: Reader,
    uploading: Uploading,
    fields: BTreeMap<String, Vec<u8>>,
    fields_bytes: usize,
    /// The name of the file that comes next.
    file_name: Option<String>,
}

/// What the reader said, without its bytes.
enum Came {
    Field(String, Option<String>),
    Bytes(usize),
    End,
}

impl Form {
    pub(super) fn new(headers: &HeaderMap, uploading: Uploading) -> Result<Form, Refusal> {
        Ok(Form {
            reader: Reader::new(headers)?,
            uploading,
            fields: BTreeMap::new(),
            fields_bytes: 0,
            file_name: None,
        })
    }

    /// The text of a field that has come, without spaces around it; empty if there is none.
    pub(super) fn text(&self, name: &str) -> String {
        let bytes = self.fields.get(name).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(bytes).trim().to_owned()
    }

    /// Reads the fields before the first file.
    pub(super) async fn until_file(&mut self) -> Result<(), Refusal> {
        let mut name = None;
        loop {
            let mut taken = vec![];
            match self.next(&mut taken).await? {
                Came::Field(_, Some(file)) => {
                    self.file_name = Some(file);
                    return Ok(());
                }
                Came::Field(field, None) => name = Some(field),
                Came::Bytes(_) => self.add(name.as_deref(), taken)?,
                Came::End => return Ok(()),
            }
        }
    }

    /// Receives the files, of which one begins, and the fields after them. A browser sends a file without a
    /// name where none was chosen.
    pub(super) async fn files(
        &mut self,
        room: &Room,
        bytes_max: u64,
    ) -> Result<Vec<(String, File)>, Failed> {
        let mut files = vec![];
        let (mut left, mut looked_at) = (bytes_max, bytes_max);
        let (mut field, mut begun) = (None, 1);
        let mut open = match self.file_name.take() {
            Some(name) => Some(opened(name, room)?),
            None => None,
        };
        loop {
            let mut taken = vec![];
            match self.next(&mut taken).await? {
                Came::Bytes(count) => match &mut open {
                    None => self.add(field.as_deref(), taken)?,
                    Some((_, file)) => {
                        let too_large = || Failed::Said(too_large());
                        left = left.checked_sub(count as u64).ok_or_else(too_large)?;
                        room.take(count as u64).map_err(said)?;
                        if looked_at - left >= LOOK_AT_DISK_BYTES {
                            looked_at = left;
                            room.look_at_disk().map_err(said)?;
                        }
                        file.write_all(&taken).await.map_err(cannot_keep)?;
                    }
                },
                came => {
                    if let Some((name, file)) = open.take()
                        && !name.is_empty()
                    {
                        files.push((name, whole(file).await?));
                    }
                    match came {
                        Came::Field(_, Some(_)) if begun == FILES_MAX => {
                            return Err(Failed::Said(format!(
                                "The form takes {FILES_MAX} files at once: send the others after them."
                            )));
                        }
                        Came::Field(_, Some(name)) => {
                            begun += 1;
                            open = Some(opened(name, room)?);
                        }
                        Came::Field(name, None) => field = Some(name),
                        Came::Bytes(_) | Came::End => return Ok(files),
                    }
                }
            }
        }
    }

    /// Reads the rest of the form and throws it away, so that its browser gets to read the answer.
    pub(super) async fn discard(self) {
        self.uploading.discard().await;
    }

    /// What comes next. Its bytes are added to `taken`.
    async fn next(&mut self, taken: &mut Vec<u8>) -> Result<Came, Refusal> {
        loop {
            match self.reader.next()? {
                Next::Field { name, file_name } => return Ok(Came::Field(name, file_name)),
                Next::Bytes(bytes) => {
                    taken.extend_from_slice(bytes);
                    return Ok(Came::Bytes(bytes.len()));
                }
                Next::End => return Ok(Came::End),
                Next::More => match self.uploading.next().await? {
                    Some(bytes) => self.reader.add(&bytes),
                    None => return Err(Refusal::form("the form broke off before its end")),
                },
            }
        }
    }

    fn add(&mut self, name: Option<&str>, bytes: Vec<u8>) -> Result<(), Refusal> {
        self.fields_bytes += bytes.len();
        if self.fields_bytes > FIELDS_BYTES_MAX {
            return Err(Refusal::form("the fields of the form are too long"));
        }
        if let Some(name) = name {
            self.fields.entry(name.to_owned()).or_default().extend(bytes);
        }
        Ok(())
    }
}

fn opened(name: String, room: &Room) -> Result<(String, tokio::fs::File), Failed> {
    // Some browsers send the whole path.
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    Ok((name, tokio::fs::File::from_std(room.file().map_err(said)?)))
}

/// The whole file, from its beginning.
async fn whole(mut file: tokio::fs::File) -> Result<File, Failed> {
    file.flush().await.map_err(cannot_keep)?;
    file.rewind().await.map_err(cannot_keep)?;
    Ok(file.into_std().await)
}

fn said(what: String) -> Failed {
    Failed::Said(format!("The file {what}."))
}

fn cannot_keep(error: std::io::Error) -> Failed {
    tracing::error!(%error, "an upload could not be kept");
    Failed::Said("The server cannot keep the file: its log names the cause.".to_owned())
}

/// What is said of files that are too large.
pub(super) fn too_large() -> String {
    format!(
        "The files are too large for the form, which takes {} at most: import them with the command line, \
         as shown below.",
        super::size(FORM_BYTES_MAX)
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::body::Body;
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    fn form(body: &str) -> Form {
        let kind = "multipart/form-data; boundary=b".parse().unwrap();
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
        let body = Body::from(body.replace('\n', "\r\n"));
        Form::new(&headers, Uploading::new(body)).unwrap()
    }

    const FILES: &str = "--b\nContent-Disposition: form-data; name=\"csrf\"\n\nt0k\n\
         --b\nContent-Disposition: form-data; name=\"file\"; filename=\"C:\\logs\\a.csv\"\n\n12345\n\
         --b\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\n\n\n\
         --b\nContent-Disposition: form-data; name=\"file\"; filename=\"../b\"\n\n678\n\
         --b\nContent-Disposition: form-data; name=\"dates\"\n\n dmy \n--b--";

    async fn received(bytes_max: u64, room_bytes: u64) -> Result<Vec<(String, String)>, String> {
        let mut form = form(FILES);
        form.until_file().await.unwrap();
        assert_eq!((form.text("csrf"), form.text("dates")), ("t0k".into(), String::new()));
        let room = Room::of_system(room_bytes, "takes too much room");
        let files = match form.files(&room, bytes_max).await {
            Ok(files) => files,
            Err(Failed::Said(wrong)) => return Err(wrong),
            Err(Failed::Refused(refusal)) => panic!("{refusal:?}"),
        };
        assert_eq!(form.text("dates"), "dmy");
        let read = |(name, mut file): (String, File)| {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (name, text)
        };
        Ok(files.into_iter().map(read).collect())
    }

    #[tokio::test]
    async fn files_are_received_within_their_bounds() {
        let all = vec![("a.csv".into(), "12345".into()), ("b".into(), "678".into())];
        assert_eq!(received(8, 8).await, Ok(all));
        assert!(received(7, 8).await.unwrap_err().contains("too large for the form"));
        assert_eq!(received(8, 7).await.unwrap_err(), "The file takes too much room.");
    }

    #[tokio::test]
    async fn files_are_counted() {
        for (count, is_taken) in [(FILES_MAX, true), (FILES_MAX + 1, false)] {
            let file = "--b\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\n\n1\n";
            let mut form = form(&(file.repeat(count) + "--b--"));
            form.until_file().await.unwrap();
            match form.files(&Room::of_system(100, ""), 100).await {
                Ok(files) => assert_eq!((files.len(), is_taken), (count, true)),
                Err(Failed::Said(wrong)) => {
                    assert!(wrong.contains("takes 20 files at once") && !is_taken, "{wrong}");
                }
                Err(Failed::Refused(refusal)) => panic!("{refusal:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_form_that_breaks_off_is_no_form() {
        let mut whole = form(&FILES[..FILES.len() - 20]);
        whole.until_file().await.unwrap();
        let room = Room::of_system(100, "");
        assert!(matches!(whole.files(&room, 100).await, Err(Failed::Refused(_))));
    }

    #[tokio::test]
    async fn fields_are_bounded() {
        let long = "x".repeat(FIELDS_BYTES_MAX + 1);
        let mut form =
            form(&format!("--b\nContent-Disposition: form-data; name=\"csrf\"\n\n{long}\n--b--"));
        assert!(form.until_file().await.is_err());
    }
}
