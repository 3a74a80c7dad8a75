//! What holds for any sale in any currency: sums lose nothing, and only an amount is an amount.

use proptest::prelude::*;

use super::*;
use crate::{ids::TicketTypeId, limits};

/// Minor units as a person would write them, without the help of a decimal type.
fn written(minor: i64, digits: u32) -> String {
    let one = 10_i64.pow(digits);
    match digits {
        0 => minor.to_string(),
        _ => format!("{}.{:0width$}", minor / one, minor % one, width = usize::try_from(digits).unwrap()),
    }
}

/// Digits without a zero in front, and after a point exactly as many more as the currency has; below a trillion.
fn is_amount(text: &str, digits: u32) -> bool {
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, rest) = match digits {
        0 => (text, None),
        _ => text.split_once('.').map_or(("", None), |(whole, rest)| (whole, Some(rest))),
    };
    let has_its_digits = rest.is_none_or(|rest| all_digits(rest) && rest.len() == usize::try_from(digits).unwrap());
    let plain = whole == "0" || !whole.starts_with('0');
    all_digits(whole) && plain && has_its_digits && whole.parse::<u64>().is_ok_and(|whole| whole < 1_000_000_000_000)
}

/// A currency and how many digits it has.
fn any_currency() -> impl Strategy<Value = (&'static str, u32)> {
    prop::sample::select(vec![("EUR", 2), ("JPY", 0), ("KWD", 3)])
}

/// An event and a sale for it.
#[derive(Clone, Debug)]
struct Sale {
    currency: &'static str,
    digits: u32,
    prices: Vec<i64>,
    lines: Vec<(u128, u32)>,
}

impl Sale {
    fn event(&self) -> EventFacts {
        event(self.currency, &self.prices)
    }

    fn price(&self, number: u128) -> i64 {
        self.prices[usize::try_from(number - 1).unwrap()]
    }

    fn total(&self) -> i64 {
        self.lines.iter().map(|(number, quantity)| self.price(*number) * i64::from(*quantity)).sum()
    }

    fn quantity(&self, of: TicketTypeId) -> u32 {
        self.lines.iter().filter(|(number, _)| type_id(*number) == of.0).map(|(_, quantity)| quantity).sum()
    }

    fn written(&self, minor: i64) -> String {
        written(minor, self.digits)
    }

    fn body(&self, payment: PaymentBody) -> SaleBody {
        body(&self.lines, payment)
    }
}

fn any_sale() -> impl Strategy<Value = Sale> {
    let prices = prop::collection::vec(prop_oneof![0..20_000_i64, 0..=100_000_000_i64], 1..8);
    (any_currency(), prices).prop_flat_map(|((currency, digits), prices)| {
        let numbers = 1..=u128::try_from(prices.len()).unwrap();
        let lines = prop::collection::vec((numbers, 1..=limits::LINE_QUANTITY_MAX), 1..=limits::SALE_LINES_MAX);
        lines.prop_map(move |lines| Sale { currency, digits, prices: prices.clone(), lines })
    })
}

proptest! {
    #[test]
    fn lines_sum_to_the_total(sale in any_sale()) {
        let quote = sell(&sale.event(), sale.body(card())).unwrap();
        for line in &quote.basket.lines {
            prop_assert_eq!(u32::try_from(line.quantity).unwrap(), sale.quantity(line.ticket_type_id));
            prop_assert_eq!(line.amount_minor, line.unit_minor * i64::from(line.quantity));
        }
        prop_assert_eq!(quote.basket.lines.iter().map(|line| line.amount_minor).sum::<i64>(), quote.basket.total.minor());
        prop_assert_eq!(quote.basket.total.minor(), sale.total());
        prop_assert_eq!(quote.basket.total.to_string(), sale.written(sale.total()));
        prop_assert_eq!(quote.basket.entries_allowed.len(), quote.basket.lines.len());
    }

    #[test]
    fn what_is_handed_over_less_the_change_is_the_total(sale in any_sale(), over in 0..1_000_000_000_i64) {
        let quote = sell(&sale.event(), sale.body(cash(sale.written(sale.total() + over)))).unwrap();
        let (tendered, change) = (quote.tendered.unwrap(), quote.change.unwrap());
        prop_assert_eq!(tendered.minor() - change.minor(), quote.basket.total.minor());
        prop_assert_eq!(change.to_string(), sale.written(over));
    }

    #[test]
    fn cash_that_lacks_anything_is_refused(sale in any_sale(), lacks in 1..1_000_i64) {
        let tendered = sale.total() - lacks;
        prop_assume!(tendered >= 0);
        prop_assert_eq!(wrong(&sale.event(), sale.body(cash(sale.written(tendered)))), ["/payment/tendered"]);
    }

    #[test]
    fn only_the_total_itself_is_expected_rightly(sale in any_sale(), beside in -1_000..1_000_i64) {
        let expected = (sale.total() + beside).max(0);
        let told = sell(&sale.event(), expecting(sale.written(expected), sale.body(card())));
        match told {
            Ok(_) => prop_assert_eq!(expected, sale.total()),
            Err(Objection::PriceChanged(right)) => {
                prop_assert_ne!(expected, sale.total());
                prop_assert_eq!(right.minor(), sale.total());
            }
            Err(Objection::HoldGone) => prop_assert!(false, "this sale names no hold"),
            Err(Objection::Invalid(faults)) => prop_assert!(false, "{:?}", faults),
        }
    }

    #[test]
    fn a_text_is_an_amount_of_the_currency_or_a_fault(currency in any_currency(), text in "[0-9]{1,14}|[0-9]{0,14}[.,][0-9]{0,4}|\\PC{0,12}") {
        let told = sell(&event(currency.0, &[0]), body(&[(1, 1)], cash(text.clone())));
        match told {
            Ok(quote) => {
                prop_assert!(is_amount(&text, currency.1));
                prop_assert_eq!(quote.tendered.unwrap().minor(), text.replace('.', "").parse::<i64>().unwrap());
            }
            Err(Objection::Invalid(faults)) => {
                prop_assert!(!is_amount(&text, currency.1));
                prop_assert_eq!(pointers(&faults), ["/payment/tendered"]);
            }
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}
