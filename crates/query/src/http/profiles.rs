//! The profiles that an application can have.

use answers::Profiles;
use answers::row::{Profile, ProfileVersion};

use super::question::{Answered, Asked};
use crate::answer::Found;
use crate::coverage::Coverage;
use crate::error::Error;

impl Answered for Profiles {
    /// Every profile with its versions, by name. Profiles are part of the program and its files, not of
    /// the record.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Profiles>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let all: Vec<_> = reading.query.profiles.all().collect();
        let (page, next) = stand.part_of(&all);
        let rows = page.iter().map(|profile| {
            let versions = profile.versions().iter().map(|version| ProfileVersion {
                from: version.from.map(|from| from.to_string()),
                groups: version.has_groups(),
            });
            Profile {
                profile: profile.name.clone(),
                title: profile.title.clone(),
                versions: versions.collect(),
            }
        });
        let found = Found::new(&reading.record, &stand, &Coverage::complete());
        Ok(found.rows(rows, all.len() as u64, next))
    }
}
