//! One page for people: charts, tables and the judge's findings, with everything in it and nothing loaded from anywhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Report;
use super::chart::{Axes, COLOURS, Curve, linear, logarithmic, seconds};
use super::table::{QUANTILES, held, per_second, soon};
use crate::run::record::{Call, Latencies, millis};

const STYLE: &str = "
:root{color-scheme:light;--ink:#0f172a;--soft:#475569;--line:#e2e8f0;--good:#047857;--bad:#b91c1c;--accent:#0072b2}
*{box-sizing:border-box}body{margin:0;background:#f8fafc;color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
main{max-width:1040px;margin:0 auto;padding:32px 20px 64px}h1{margin:0;font-size:28px}h2{margin:0 0 4px;font-size:18px}
p.lead{margin:4px 0 24px;color:var(--soft)}section{background:#fff;border:1px solid var(--line);border-radius:12px;padding:20px 24px;margin:16px 0}
section>p{margin:0 0 12px;color:var(--soft)}svg{width:100%;height:auto;display:block}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--line)}th{color:var(--soft);font-weight:600}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}tr.all td{font-weight:600;background:#f8fafc}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:0 0 8px}
.tile{background:#fff;border:1px solid var(--line);border-radius:12px;padding:14px 18px}.tile b{display:block;font-size:26px;line-height:1.2}
.tile span{color:var(--soft)}.verdict{border-left:6px solid var(--good)}.verdict.bad{border-color:var(--bad)}.verdict.bad h2{color:var(--bad)}
.verdict h2{color:var(--good)}.bar{display:block;height:10px;border-radius:5px;background:var(--accent);min-width:2px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:12px 0 0 64px;color:var(--soft);font-size:13px}
.legend i{display:inline-block;width:16px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle}
code{font-size:13px;overflow-wrap:anywhere}li{margin:4px 0}@media print{body{background:#fff}section,.tile{break-inside:avoid}}";

pub fn page(report: &Report<'_>) -> anyhow::Result<String> {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Stagedoor load test: " (report.scenario) }
                style { (PreEscaped(STYLE)) }
            }
            body { main {
                h1 { "Load test: " (report.scenario) }
                p.lead {
                    (report.world.event.name) ": " (report.world.phones.len()) " scanners and " (report.world.tills.len()) " tills at "
                    (report.world.targets.iter().map(|target| target.url.as_str()).collect::<Vec<_>>().join(", "))
                    ", for " (format!("{:.1}", report.took.as_secs_f64())) " s. "
                    @if report.options.closed { "Closed loop: each device sends as soon as it has its answer." }
                    @else { "Open loop: requests leave at planned moments, and every latency counts from there." }
                }
                (tiles(report))
                (findings(report))
                section { h2 { "Latency over time" } p { "Milliseconds, on a logarithmic scale." } (latency(report)?) }
                section { h2 { "Percentiles" } p { "How long the slowest part of all answers took." } (percentiles(report)?) }
                section { h2 { "Throughput" } p { "Answers a second." } (throughput(report)?) }
                (verdicts(report))
                (changes(report))
            } }
        }
    };
    Ok(markup.into_string())
}

fn tiles(report: &Report<'_>) -> Markup {
    let main = report.tally.by_call.iter().max_by_key(|(_, some)| some.len());
    html! {
        div.tiles {
            div.tile { b { (report.tally.answers()) } span { "answers" } }
            div.tile { b { (format!("{:.0}", per_second(report.tally.answers(), report.took))) } span { "answers a second" } }
            @if let Some((call, some)) = main {
                div.tile { b { (millis(some.value_at_quantile(0.5))) } span { "ms, median " (call) } }
                div.tile { b { (millis(some.value_at_quantile(0.99))) } span { "ms, p99 " (call) } }
                div.tile { b { (millis(some.max())) } span { "ms, slowest " (call) } }
            }
        }
    }
}

fn findings(report: &Report<'_>) -> Markup {
    let judgement = report.judgement;
    html! {
        section.verdict.bad[!judgement.clean()] {
            h2 { @if judgement.clean() { "Every answer agrees with the ledger" } @else { "Not right" } }
            p { "Compared: " (judgement.compared.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")) "." }
            @for (kind, finding) in &judgement.findings {
                p { strong { (kind.name()) } " (" (finding.count) ")" }
                ul { @for example in &finding.examples { li { code { (example) } } } }
            }
        }
    }
}

fn latency(report: &Report<'_>) -> anyhow::Result<Markup> {
    let mut charts = Vec::new();
    for call in report.tally.by_call.keys() {
        let line = |name: &str, colour: usize, figure: fn(&Latencies) -> u64| Curve {
            name: format!("{call} {name}"),
            colour: COLOURS.get(colour).copied().unwrap_or_default(),
            points: over_time(report, *call).map(|(at, some)| (at, in_millis(figure(some)))).collect(),
            filled: false,
        };
        let curves = [
            line("max", 2, Latencies::max),
            line("p99", 1, |some| some.value_at_quantile(0.99)),
            line("p50", 0, |some| some.value_at_quantile(0.5)),
        ];
        charts.push((legend(&curves), logarithmic(&curves, &Axes { x: "seconds", y: "ms" }, &seconds)?));
    }
    Ok(html! { @for (legend, chart) in charts { (legend) (PreEscaped(chart)) } })
}

/// Which line is which, above the chart, where no line runs behind it.
fn legend(curves: &[Curve]) -> Markup {
    html! {
        div.legend {
            @for Curve { name, colour, .. } in curves {
                span { i style=(format!("background:rgb({},{},{})", colour.0, colour.1, colour.2)) {} (name) }
            }
        }
    }
}

fn over_time<'a>(report: &'a Report<'_>, call: Call) -> impl Iterator<Item = (f64, &'a Latencies)> {
    let step = report.tally.step.as_secs_f64();
    let intervals = report.tally.intervals.iter().enumerate();
    intervals.filter_map(move |(place, interval)| Some((f64::from(u32::try_from(place).ok()?) * step, interval.get(&call)?)))
}

fn in_millis(micros: u64) -> f64 {
    f64::from(u32::try_from(micros).unwrap_or(u32::MAX)) / 1000.0
}

/// The x axis counts nines: 1 is p90, 2 is p99, 3 is p99.9.
fn percentiles(report: &Report<'_>) -> anyhow::Result<Markup> {
    let curve = |((call, some), colour): ((&Call, &Latencies), &plotters::style::RGBColor)| {
        let most = f64::from(u32::try_from(some.len()).unwrap_or(u32::MAX)).log10();
        let steps = (0..=100).map(|step| f64::from(step) / 100.0 * most);
        let points = steps.map(|nines| (nines, in_millis(some.value_at_quantile(1.0 - 10_f64.powf(-nines)))));
        Curve { name: call.name().to_owned(), colour: *colour, points: points.collect(), filled: false }
    };
    let curves: Vec<Curve> = report.tally.by_call.iter().zip(COLOURS.iter().cycle()).map(curve).collect();
    let whole = |nines: &f64| (nines - nines.round()).abs() < 0.01;
    let word =
        |nines: &f64| if whole(nines) { format!("p{}", trimmed(100.0 - 100.0 * 10_f64.powf(-nines.round()))) } else { String::new() };
    let chart = logarithmic(&curves, &Axes { x: "part of all answers", y: "ms" }, &word)?;
    Ok(html! { (legend(&curves)) (PreEscaped(chart)) })
}

fn trimmed(percent: f64) -> String {
    let text = format!("{percent:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn throughput(report: &Report<'_>) -> anyhow::Result<Markup> {
    let step = report.tally.step.as_secs_f64();
    let curve = |(call, colour): (&Call, &plotters::style::RGBColor)| Curve {
        name: call.name().to_owned(),
        colour: *colour,
        points: over_time(report, *call).map(|(at, some)| (at, f64::from(u32::try_from(some.len()).unwrap_or(u32::MAX)) / step)).collect(),
        filled: true,
    };
    let curves: Vec<Curve> = report.tally.by_call.keys().zip(COLOURS.iter().cycle()).map(curve).collect();
    let chart = linear(&curves, &Axes { x: "seconds", y: "answers/s" })?;
    Ok(html! { (legend(&curves)) (PreEscaped(chart)) })
}

fn verdicts(report: &Report<'_>) -> Markup {
    let row = |call: &str, verdict: &str, some: &Latencies, of: u64| {
        let part = f64::from(u32::try_from(some.len()).unwrap_or(u32::MAX)) / f64::from(u32::try_from(of.max(1)).unwrap_or(u32::MAX));
        html! {
            tr.all[!call.is_empty()] {
                td { (call) } td { (verdict) } td { (some.len()) }
                @for (_, part) in QUANTILES { td { (millis(some.value_at_quantile(part))) } }
                td { (millis(some.max())) }
                td style="width:140px" { span.bar style=(format!("width:{:.1}%", part * 100.0)) {} }
            }
        }
    };
    html! {
        section {
            h2 { "Verdicts" }
            p { "Milliseconds, by call and by what was answered." }
            table {
                tr { th { "call" } th { "verdict" } th { "answers" } @for (name, _) in QUANTILES { th { (name) } } th { "max" } th {} }
                @for (call, all) in &report.tally.by_call {
                    (row(call.name(), "all", all, all.len()))
                    @for ((_, verdict), some) in report.tally.by_verdict.iter().filter(|((of, _), _)| of == call) {
                        (row("", verdict, some, all.len()))
                    }
                }
            }
        }
    }
}

fn changes(report: &Report<'_>) -> Markup {
    let seen = &report.judgement.changes;
    html! {
        @if !seen.is_empty() {
            section {
                h2 { "Changes under load" }
                p { "From a change's answer on, nothing that is sent under the old right may be accepted. Milliseconds until the first refusal." }
                table {
                    tr { th { "change" } th { "times" } th { "median" } th { "longest" } th { "refused after" } th { "accepted after" } }
                    @for held in held(seen) {
                        tr {
                            td { (held.name) } td { (held.times) } td { (soon(held.median)) } td { (soon(held.longest)) }
                            td { (held.refused) } td { (held.accepted) }
                        }
                    }
                }
            }
        }
    }
}
