//! What is read of devices.

use crate::{
    ids::{DeviceId, OrganisationId},
    ledger::{Ledger, LedgerError, Page, db::Arg, rows::Device},
    limits,
};

impl Ledger {
    /// A device, of any organisation.
    pub async fn device(&self, id: DeviceId) -> Result<Option<Device>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        db.optional("select * from devices where id = $1", &[Arg::id(id)]).await
    }

    /// The device that waits for an enrolment code with this hash.
    pub async fn device_by_enrolment(&self, hash: &str) -> Result<Option<Device>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        db.optional("select * from devices where enrolment_hash = $1", &[hash.into()]).await
    }

    /// The names of an organisation's devices that begin with this one.
    pub async fn device_names(&self, organisation: OrganisationId, begin: &str) -> Result<Vec<String>, LedgerError> {
        let length = i32::try_from(begin.chars().count()).unwrap_or(i32::MAX);
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        db.values(
            "select name from devices where organisation_id = $1 and substr(name, 1, $2) = $3",
            &[Arg::id(organisation), length.into(), begin.into()],
        )
        .await
    }

    /// The devices of an organisation.
    pub async fn devices(&self, organisation: OrganisationId, page: Page) -> Result<Vec<Device>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        db.all(
            "select * from devices where organisation_id = $1 and id > $2 order by id limit $3",
            &[Arg::id(organisation), Arg::id(page.after), page.limit.into()],
        )
        .await
    }
}
