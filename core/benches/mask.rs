//! How fast output passes the masks: plain text with fifty values and all shapes, in pieces as a pipe gives them. Prints a table.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads the clock and prints"
)]

use std::time::Instant;

use shanty_core::output::mask::{Masks, Secret};

const BYTES: usize = 64 * 1024 * 1024;

fn main() {
    let values: Vec<Secret> = (0..50_u64)
        .map(|n| {
            let value = format!(
                "{:016x}-Pa55/word+{n}",
                n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            );
            Secret::new(value.as_bytes()).expect("it is long enough")
        })
        .collect();
    let begun = Instant::now();
    let masks = Masks::new(&values, true);
    println!("fifty values are prepared in {:?}", begun.elapsed());
    let log = "2026-01-02T03:04:05.678Z INFO server::http request done method=GET path=/api/v1/items/42 status=200 elapsed_ms=17\n";
    let code = "    let total = items.iter().map(|item| item.price * item.count).sum::<u64>(); // all of them\n";
    let base64 = "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQsIGNvbnNlY3RldHVyIGFkaXBpc2NpbmcgZWxpdC4u\n";
    println!("{:10} {:>8} {:>10}", "text", "piece", "MB/s");
    for (name, line) in [("log", log), ("code", code), ("base64", base64)] {
        let text = line.repeat(BYTES / line.len());
        for piece in [64 * 1024, 4 * 1024, 100] {
            let mut masker = masks.masker();
            let mut into = Vec::with_capacity(1 << 20);
            let begun = Instant::now();
            for bytes in text.as_bytes().chunks(piece) {
                masker.push(bytes, &mut into);
                into.clear();
            }
            let speed = text.len() as f64 / begun.elapsed().as_secs_f64() / 1e6;
            println!("{name:10} {piece:8} {speed:10.0}");
        }
    }
}
