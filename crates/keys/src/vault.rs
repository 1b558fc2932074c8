//! Seals and opens the parts of a log's events with the keys of their owners.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use event::codec::{
    CodecError, DisclosedValue, Disclosure, FORM_PLAIN, Frame, FramedPart, OpenedPart, PART_ANSWER,
    PART_BODY, PART_ORIGIN, PART_STATE, PART_TARGET, PART_VALUES, PartError, PartPlace, Parts,
    StoredPart, changed_values, decode_header,
};
use event::{Application, Header, LogId, Number, Seq, ValueChange};
use sealing::{
    Form, MasterKey, Month, Nonce, Owner, OwnersError, PartAt, PartKey, Salts, SealContext,
    ValueTree, WholeOpening, commit_values, commit_whole, nonce_of, open, open_whole, seal,
};
use tlog::Hash;

use crate::error::KeysError;
use crate::store::KeyStore;

/// The form of a part that was not stored, because somebody it belongs to had been erased before.
const FORM_WITHHELD: u8 = 3;
/// Keys are made so many numbers ahead of need.
const AHEAD: u32 = 4_096;
/// Part keys that are kept in memory: a few megabytes.
const PART_KEYS: usize = 8_192;

/// Why a part cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
enum VaultError {
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Owners(#[from] OwnersError),
    #[error(transparent)]
    Seal(#[from] sealing::SealError),
    #[error(transparent)]
    Open(#[from] sealing::OpenError),
    #[error(transparent)]
    Random(#[from] sealing::RandomError),
    #[error("its values cannot be told apart")]
    Values,
    #[error("a plain part has no commitment, and a sealed one has")]
    Commitment,
}

/// The keys of a log, and what is done with them. Shared by all that read or write the log.
#[derive(Debug)]
pub struct Vault {
    log: LogId,
    keys: Arc<KeyStore>,
    part_keys: Mutex<PartKeys>,
    /// Whether a thread makes keys just now.
    makes: Arc<AtomicBool>,
}

/// Keys of parts with one or two owners.
#[derive(Default)]
struct PartKeys {
    known: HashMap<(Owner, Option<Owner>), Arc<PartKey>, foldhash::fast::RandomState>,
    /// Changes with each erasure.
    erasures: u64,
}

impl fmt::Debug for PartKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartKeys").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens the keys in a folder, as [`KeyStore::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(folder: &Path, log: LogId, master: &MasterKey) -> Result<Vault, KeysError> {
        Ok(Vault {
            log,
            keys: Arc::new(KeyStore::open(folder, log, master)?),
            part_keys: Mutex::default(),
            makes: Arc::default(),
        })
    }

    /// Checks at a start that there are the keys of an application, which uses `used` numbers, 0 included.
    ///
    /// # Errors
    /// When they were lost, or are older than the log.
    pub fn require(&self, application: Application, used: u32) -> Result<(), KeysError> {
        match self.keys.require_numbers(application, used) {
            // Its first event was lost before there was any number.
            Err(KeysError::Missing { .. }) if used <= 1 => self.keys.add_application(application),
            checked => checked,
        }
    }

    /// Destroys the keys of owners, for the event at `seq`, which must be synced. When this returns, none of
    /// their parts can be opened any more, and no further one is stored.
    ///
    /// # Errors
    /// As [`KeyStore::erase`].
    pub fn erase(&self, owners: &[Owner], seq: Seq) -> Result<(), KeysError> {
        // A number may have had no part yet.
        for owner in owners {
            match self.data_key(*owner, true) {
                Ok(_) | Err(KeysError::Erased { .. } | KeysError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let erased = self.keys.erase(owners, seq);
        let mut part_keys = self.part_keys();
        part_keys.known.clear();
        part_keys.erasures += 1;
        erased
    }

    /// The keys themselves.
    pub fn keys(&self) -> &KeyStore {
        &self.keys
    }

    fn part_keys(&self) -> std::sync::MutexGuard<'_, PartKeys> {
        // Keys that a panic left are still keys.
        self.part_keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of the part of some owners; `None` if one of them was erased. With `makes`, keys that were never
    /// made are made.
    fn part_key(&self, owners: &[Owner], makes: bool) -> Result<Option<Arc<PartKey>>, VaultError> {
        let few = match owners {
            [one] => Some((*one, None)),
            [one, other] => Some((*one, Some(*other))),
            _ => None,
        };
        let erasures = {
            let part_keys = self.part_keys();
            if let Some(known) = few.and_then(|few| part_keys.known.get(&few)) {
                return Ok(Some(Arc::clone(known)));
            }
            part_keys.erasures
        };
        let mut keys = Vec::with_capacity(owners.len());
        for owner in owners {
            match self.data_key(*owner, makes) {
                Ok(key) => keys.push((*owner, key)),
                Err(KeysError::Erased { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        let borrowed: Vec<_> = keys.iter().map(|(owner, key)| (*owner, &**key)).collect();
        let key = Arc::new(PartKey::derive(&borrowed)?);
        if let Some(few) = few {
            let mut part_keys = self.part_keys();
            // An erasure meanwhile may have destroyed one of them.
            if part_keys.erasures == erasures {
                if part_keys.known.len() >= PART_KEYS {
                    part_keys.known.clear();
                }
                part_keys.known.insert(few, Arc::clone(&key));
            }
        }
        Ok(Some(key))
    }

    fn data_key(&self, owner: Owner, makes: bool) -> Result<Arc<sealing::DataKey>, KeysError> {
        if !makes {
            return self.keys.key(owner);
        }
        let found = match self.keys.key(owner) {
            // A start checked that every application of the log has its files, so this one is new.
            Err(KeysError::Missing { application }) => {
                self.keys.add_application(application)?;
                self.keys.key(owner)
            }
            found => found,
        };
        match (owner, found) {
            (Owner::Person { application, number }, Err(KeysError::NeverMade { .. })) => {
                self.keys.make_numbers(application, Number(number.0.saturating_add(AHEAD)))?;
                self.keys.key(owner)
            }
            (Owner::Month { application, month }, Err(KeysError::NeverMade { .. })) => {
                self.keys.make_months(application, month)?;
                self.keys.key(owner)
            }
            (Owner::Sent { application, month }, Err(KeysError::NeverMade { .. })) => {
                self.keys.make_sent(application, month)?;
                self.keys.key(owner)
            }
            (Owner::Person { application, number }, Ok(key)) => {
                self.make_ahead(application, number);
                Ok(key)
            }
            (_, found) => found,
        }
    }

    /// Makes further keys on another thread once there are few.
    fn make_ahead(&self, application: Application, number: Number) {
        let made = self.keys.numbers_made(application).unwrap_or(u32::MAX);
        let few = number.0.saturating_add(AHEAD / 2) >= made;
        if !few || self.makes.swap(true, Ordering::AcqRel) {
            return;
        }
        let (keys, makes) = (Arc::clone(&self.keys), Arc::clone(&self.makes));
        let through = Number(made.saturating_add(AHEAD));
        let making = move || {
            // If this fails, the keys are made, or the failure told, when they are needed.
            let _ = keys.make_numbers(application, through);
            makes.store(false, Ordering::Release);
        };
        if std::thread::Builder::new().name("keys".into()).spawn(making).is_err() {
            self.makes.store(false, Ordering::Release);
        }
    }

    fn seal_part(&self, at: PartPlace, part: &FramedPart<'_>) -> Result<StoredPart, VaultError> {
        let Some(key) = self.part_key(&owners(at, part), true)? else {
            return Ok(StoredPart { form: FORM_WITHHELD, commitment: None, bytes: vec![] });
        };
        let nonce = Nonce::random()?;
        let sealed =
            seal(&key, SealContext { log: self.log, kind: part.kind }, &nonce, part.bytes)?;
        let salts = Salts::new(&key, self.place(at), &nonce);
        let commitment = Some(*commitment(&salts, part.kind, part.bytes)?.as_bytes());
        Ok(StoredPart { form: sealed.form as u8, commitment, bytes: sealed.bytes })
    }

    fn open_part<'a>(
        &self,
        at: PartPlace,
        part: &FramedPart<'a>,
    ) -> Result<OpenedPart<'a>, VaultError> {
        match (part.form, &part.commitment) {
            (FORM_PLAIN, None) => return Ok(OpenedPart::Content(Cow::Borrowed(part.bytes))),
            (FORM_WITHHELD, None) if part.bytes.is_empty() => return Ok(OpenedPart::Erased),
            (FORM_PLAIN | FORM_WITHHELD, _) | (_, None) => return Err(VaultError::Commitment),
            (_, Some(_)) => {}
        }
        let Some(key) = self.part_key(&owners(at, part), false)? else {
            return Ok(OpenedPart::Erased);
        };
        let context = SealContext { log: self.log, kind: part.kind };
        Ok(OpenedPart::Content(Cow::Owned(open(&key, context, part.form, part.bytes)?)))
    }

    /// Checks each part of a stored event, see [`Vault::check`].
    ///
    /// # Errors
    /// When the event cannot be read, or a part does not open or has another content.
    pub fn check_event(&self, seq: Seq, stored: &[u8]) -> Result<(), CodecError> {
        let Header { application, recorded_at, .. } = decode_header(stored)?;
        for (index, part) in (0..).zip(&Frame::read(stored)?.parts) {
            let place = PartPlace { seq, application, recorded_at, index };
            self.check(place, part).map_err(|source| CodecError::Part { index, source })?;
        }
        Ok(())
    }

    /// Checks that a part that can still be opened has the content that its event committed to. Whoever opens a
    /// part with the key knows that it was sealed with it; this finds one that was moved to another place.
    ///
    /// # Errors
    /// When it does not open, or has another content.
    pub fn check(&self, at: PartPlace, part: &FramedPart<'_>) -> Result<(), PartError> {
        let checked = || -> Result<(), VaultError> {
            let OpenedPart::Content(content) = self.open_part(at, part)? else { return Ok(()) };
            if Form::from_code(part.form).is_none() {
                return Ok(());
            }
            let Some(key) = self.part_key(&owners(at, part), false)? else { return Ok(()) };
            let salts = Salts::new(&key, self.place(at), &nonce_of(part.bytes)?);
            match Some(commitment(&salts, part.kind, &content)?.as_bytes())
                == part.commitment.as_ref()
            {
                true => Ok(()),
                false => Err(VaultError::Commitment),
            }
        };
        Ok(checked()?)
    }

    fn disclosed(
        &self,
        at: PartPlace,
        part: &FramedPart<'_>,
    ) -> Result<Vec<Disclosure>, VaultError> {
        if part.form == FORM_PLAIN {
            return Ok(vec![]);
        }
        let OpenedPart::Content(content) = self.open_part(at, part)? else { return Ok(vec![]) };
        let Some(key) = self.part_key(&owners(at, part), false)? else { return Ok(vec![]) };
        let salts = Salts::new(&key, self.place(at), &nonce_of(part.bytes)?);
        let Some(values) = values_of(part.kind, &content)? else {
            let opening = open_whole(&salts, content.into_owned());
            let WholeOpening { salt, content } = opening;
            return Ok(vec![Disclosure { salt: salt.0, content, value: None }]);
        };
        let pairs = values.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let tree = ValueTree::new(&salts, pairs);
        let disclosed = (0..).map_while(|place| tree.open(place)).map(|opening| Disclosure {
            salt: opening.salt.0,
            content: opening.value,
            value: Some(DisclosedValue {
                name: opening.name,
                place: opening.place,
                values: opening.values,
                proof: opening.proof.hashes().iter().map(|hash| *hash.as_bytes()).collect(),
            }),
        });
        Ok(disclosed.collect())
    }

    fn place(&self, at: PartPlace) -> PartAt {
        PartAt { log: self.log, seq: at.seq, part: at.index }
    }
}

impl Parts for Vault {
    fn seal(&self, place: PartPlace, part: &FramedPart<'_>) -> Result<StoredPart, PartError> {
        Ok(self.seal_part(place, part)?)
    }

    fn open<'a>(
        &self,
        place: PartPlace,
        part: &FramedPart<'a>,
    ) -> Result<OpenedPart<'a>, PartError> {
        Ok(self.open_part(place, part)?)
    }

    fn disclose(
        &self,
        place: PartPlace,
        part: &FramedPart<'_>,
    ) -> Result<Vec<Disclosure>, PartError> {
        Ok(self.disclosed(place, part)?)
    }
}

/// Whom a part belongs to: all whom it names, else the month; and what was sent the month of that.
fn owners(at: PartPlace, part: &FramedPart<'_>) -> Vec<Owner> {
    let PartPlace { application, recorded_at, .. } = at;
    let month = Month::of(recorded_at);
    let subjects = part.subject.iter().chain(&part.others);
    let mut owners: Vec<Owner> =
        subjects.map(|number| Owner::Person { application, number: *number }).collect();
    if matches!(part.kind, PART_ORIGIN | PART_TARGET | PART_BODY | PART_ANSWER) {
        owners.push(Owner::Sent { application, month });
    } else if owners.is_empty() {
        owners.push(Owner::Month { application, month });
    }
    owners
}

/// Name and value of each.
type NamedValues<'a> = Vec<(Cow<'a, [u8]>, Cow<'a, [u8]>)>;

/// The values of a state, or those that changed; `None` for other kinds, which open as a whole.
fn values_of(kind: u8, content: &[u8]) -> Result<Option<NamedValues<'_>>, VaultError> {
    match kind {
        PART_STATE => {
            let members = canonical::raw::members(content);
            let values: Result<Vec<_>, _> = members
                .map(|one| one.map(|(name, value)| (Cow::from(name), Cow::from(value))))
                .collect();
            Ok(Some(values.map_err(|_| VaultError::Values)?))
        }
        PART_VALUES => {
            let changed = changed_values(content).map_err(|_| VaultError::Values)?;
            let values = changed.iter().map(named);
            Ok(Some(values.map(|(name, value)| (name.into(), value.into())).collect()))
        }
        _ => Ok(None),
    }
}

/// What an event commits to: of states and changed values each value on its own, else the whole content.
fn commitment(salts: &Salts, kind: u8, content: &[u8]) -> Result<Hash, VaultError> {
    Ok(match values_of(kind, content)? {
        Some(values) => {
            commit_values(salts, values.iter().map(|(name, value)| (&name[..], &value[..])))
        }
        None => commit_whole(salts, content),
    })
}

/// A changed value as name and canonical JSON: `{"new":…,"old":…}`.
fn named(change: &ValueChange) -> (Vec<u8>, Vec<u8>) {
    let mut value = vec![];
    for (name, text) in [(&b"\"new\":"[..], &change.new), (&b"\"old\":"[..], &change.old)] {
        if let Some(text) = text {
            value.push(if value.is_empty() { b'{' } else { b',' });
            value.extend_from_slice(name);
            value.extend_from_slice(text);
        }
    }
    if value.is_empty() {
        value.push(b'{');
    }
    value.push(b'}');
    (change.path.to_string().into_bytes(), value)
}
