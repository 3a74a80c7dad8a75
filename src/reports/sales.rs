//! Sales of the past: lists and totals, for the back office with `sales:view` and for a till's own.

use serde::Serialize;

use crate::{
    authenticate::Caller,
    authorise::{self, Refused},
    clock::Stamp,
    faults::Faults,
    ids::{DeviceId, Named, OrganisationId, SaleId, SessionId},
    ledger::{
        Ledger, LedgerError, Page,
        kinds::{PaymentMethod, Permission},
        rows::{ListedSale, SaleFilter, SaleSum},
    },
    money::{Currency, Money},
    pos::{
        PosError,
        sale::answer::{self, PaymentView, SaleAnswer},
    },
};

/// A session or a device that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<T> {
    /// The caller's.
    Current,
    /// This one.
    This(T),
}

/// Which sales are asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub session: Option<Which<SessionId>>,
    pub device: Option<Which<DeviceId>>,
    /// And what else they have in common.
    pub filter: SaleFilter,
    /// What is wrong with the query; reported after all errors that concern the caller.
    pub faults: Faults,
}

/// Sales that a caller may see: made from what they want, and by nothing else.
#[derive(Debug)]
#[must_use]
pub struct Granted {
    organisation: OrganisationId,
    filter: SaleFilter,
}

impl Wanted {
    /// What it means for this caller, if they may see it.
    pub fn grant(self, caller: &Caller) -> Result<Granted, PosError> {
        let own = (&caller.authority().session.id, &caller.authority().session.device_id);
        let Self { session, device, mut filter, mut faults } = self;
        filter.session = session.map(|which| match which {
            Which::Current => *own.0,
            Which::This(id) => id,
        });
        filter.device = device.and_then(|which| match which {
            Which::Current => own.1.or_else(|| {
                faults.add("/device", "cannot be the current one: this session has no device");
                None
            }),
            Which::This(id) => Some(id),
        });
        let of_session = filter.session == Some(*own.0);
        let of_device = filter.device.is_some() && filter.device == *own.1;
        authorise::may_see_sales(caller, of_session || of_device)?;
        faults.none_or(Granted { organisation: caller.organisation(), filter }).map_err(PosError::Invalid)
    }
}

/// A sale in a list.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = listed_sale)]
pub struct SaleView {
    /// Its id.
    pub id: SaleId,
    /// Its number, without gaps in the organisation.
    pub receipt_number: i64,
    /// The event.
    pub event: Named,
    /// The till.
    pub device: Named,
    /// The session at it.
    pub session: SessionId,
    /// Who sold.
    pub user: Named,
    /// How many tickets.
    pub tickets: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: &'static str,
    /// The sum of its lines.
    #[schema(value_type = String, example = "25.00")]
    pub total: Money,
    /// How it was paid.
    pub payment: PaymentView,
    /// When it was voided.
    pub voided_at: Option<Stamp>,
    /// Why it was voided.
    pub void_reason: Option<String>,
    /// When it was recorded.
    pub recorded_at: Stamp,
}

/// What was sold, by currency.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = sale_totals)]
pub struct Totals {
    /// One for each currency in which anything was sold.
    pub totals: Vec<CurrencyTotal>,
}

/// What was sold in one currency.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = currency_total)]
pub struct CurrencyTotal {
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: &'static str,
    /// All of it.
    #[serde(flatten)]
    pub all: Total,
    /// The same by kind of payment.
    pub methods: Vec<MethodTotal>,
}

/// What was sold for one kind of payment.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = method_total)]
pub struct MethodTotal {
    /// Cash or card.
    pub method: PaymentMethod,
    /// All of it.
    #[serde(flatten)]
    pub all: Total,
}

/// A sum of sales.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = total)]
pub struct Total {
    /// How many sales, void ones included.
    pub count: i64,
    /// The sum of their totals.
    #[schema(value_type = String, example = "75.00")]
    pub gross: Money,
    /// How many of them are void.
    pub voided_count: i64,
    /// The sum of the void ones.
    #[schema(value_type = String, example = "25.00")]
    pub voided: Money,
    /// What remains.
    #[schema(value_type = String, example = "50.00")]
    pub net: Money,
}

/// Whether this caller may see any sales at all.
pub fn may_ask(caller: &Caller) -> Result<(), PosError> {
    Ok(authorise::may_see_sales(caller, true)?)
}

/// Sales, newest first.
pub async fn list(ledger: &Ledger, granted: &Granted, page: Page) -> Result<Vec<SaleView>, PosError> {
    let listed = ledger.sales(granted.organisation, &granted.filter, page).await?;
    Ok(listed.into_iter().map(view).collect::<Result<_, _>>()?)
}

fn view(sale: ListedSale) -> Result<SaleView, LedgerError> {
    let currency = Currency::parse(&sale.currency).map_err(|_| LedgerError::Broken)?;
    Ok(SaleView {
        id: sale.id,
        receipt_number: sale.receipt_number,
        event: Named::new(sale.event_id, sale.event_name),
        device: Named::new(sale.device_id, sale.device_name),
        session: sale.session_id,
        user: Named::new(sale.user_id, sale.user_name),
        tickets: sale.tickets,
        currency: currency.code(),
        total: currency.from_minor(sale.total_minor),
        payment: PaymentView {
            method: sale.method,
            tendered: sale.tendered_minor.map(|minor| currency.from_minor(minor)),
            change: sale.change_minor.map(|minor| currency.from_minor(minor)),
            reference: sale.reference,
        },
        voided_at: sale.voided_at.map(Stamp),
        void_reason: sale.void_reason,
        recorded_at: sale.recorded_at.into(),
    })
}

/// Totals, by currency and kind of payment.
pub async fn totals(ledger: &Ledger, granted: &Granted) -> Result<Totals, PosError> {
    let sums = ledger.sale_sums(granted.organisation, &granted.filter).await?;
    let currencies = sums.chunk_by(|a, b| a.currency == b.currency);
    Ok(Totals { totals: currencies.map(of_currency).collect::<Result<_, _>>()? })
}

/// The total of one currency, from its kinds of payment.
fn of_currency(sums: &[SaleSum]) -> Result<CurrencyTotal, LedgerError> {
    let currency = sums.first().and_then(|sum| Currency::parse(&sum.currency).ok()).ok_or(LedgerError::Broken)?;
    let methods = sums.iter().map(|sum| MethodTotal { method: sum.method, all: total(currency, std::slice::from_ref(sum)) });
    Ok(CurrencyTotal { currency: currency.code(), all: total(currency, sums), methods: methods.collect() })
}

fn total(currency: Currency, sums: &[SaleSum]) -> Total {
    let sum = |part: fn(&SaleSum) -> i64| sums.iter().map(part).sum::<i64>();
    let (gross, voided) = (sum(|sum| sum.gross_minor), sum(|sum| sum.voided_minor));
    Total {
        count: sum(|sum| sum.count),
        gross: currency.from_minor(gross),
        voided_count: sum(|sum| sum.voided_count),
        voided: currency.from_minor(voided),
        net: currency.from_minor(gross - voided),
    }
}

/// A sale of the past: for the device that sold it, or with `sales:view`.
pub async fn one(ledger: &Ledger, caller: Caller, id: SaleId) -> Result<SaleAnswer, PosError> {
    let recorded = ledger.sale(caller.organisation(), id).await?.ok_or(Refused::NotFound)?;
    if caller.authority().session.device_id != Some(recorded.sale.device_id) {
        drop(authorise::mandate(caller, Permission::SalesView)?);
    }
    Ok(answer::of(&recorded, false)?)
}
