//! Check-ins in SQLite: what `commit_check_in` does in Postgres, statement by statement.

use sqlx::{SqliteConnection, query, query_as, query_scalar};

use crate::{
    clock::Moment,
    ids::OrganisationId,
    ledger::{
        check_in::{CheckInEntry, CheckedIn},
        entry::{DecidedOn, Outcome},
        sqlite::InOrder,
    },
};

impl InOrder for CheckInEntry {
    fn basis(&self) -> &DecidedOn {
        self.decided_on()
    }

    async fn insert(&self, db: &mut SqliteConnection, organisation: OrganisationId, at: Moment) -> Result<Outcome<CheckedIn>, sqlx::Error> {
        let (id, version) = self.guest;
        let party: Option<(i32, i32)> =
            query_as("select party_size, arrived from guests where organisation_id = $1 and id = $2 and version = $3")
                .bind(organisation)
                .bind(id)
                .bind(version)
                .fetch_optional(&mut *db)
                .await?;
        let known: bool =
            query_scalar("select exists (select 1 from guest_check_ins where organisation_id = $1 and (id = $2 or undoes = $3))")
                .bind(organisation)
                .bind(self.id)
                .bind(self.undoes)
                .fetch_one(&mut *db)
                .await?;
        let Some((party_size, before)) = party.filter(|_| !known) else { return Ok(Outcome::Moved) };
        let people = self.people.unwrap_or(party_size - before);
        let arrived = before + people;
        if people == 0 || !(0..=party_size).contains(&arrived) {
            return Ok(Outcome::Moved);
        }
        let seq: i32 = query_scalar(
            "insert into guest_check_ins (organisation_id, id, event_id, guest_id, seq, people, arrived, party_size, undoes, session_id,
                                      membership_id, device_id, gate, recorded_at, fingerprint)
         values ($1, $2, $3, $4, (select coalesce(max(seq), 0) + 1 from guest_check_ins where organisation_id = $1 and guest_id = $4),
                 $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         returning seq",
        )
        .bind(organisation)
        .bind(self.id)
        .bind(self.decided_on().event.0)
        .bind(id)
        .bind(people)
        .bind(arrived)
        .bind(party_size)
        .bind(self.undoes)
        .bind(self.decided_on().session.0)
        .bind(self.decided_on().membership.0)
        .bind(self.decided_on().device_id())
        .bind(&self.gate)
        .bind(at)
        .bind(&self.fingerprint)
        .fetch_one(&mut *db)
        .await?;
        query("update guests set arrived = $3 where organisation_id = $1 and id = $2")
            .bind(organisation)
            .bind(id)
            .bind(arrived)
            .execute(&mut *db)
            .await?;
        Ok(Outcome::Recorded(CheckedIn { seq, people, arrived, recorded_at: at }))
    }
}
