// Rust: iterators and closures that are inlined, trait objects, formatting, sorting, a panic that is caught.
//   mixed SECONDS
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

trait Shape {
    fn area(&self, scale: f64) -> f64;
}
struct Square(f64);
struct Circle(f64);
impl Shape for Square {
    #[inline(never)]
    fn area(&self, scale: f64) -> f64 {
        (0..50).map(|step| self.0 * f64::from(step) * scale).sum()
    }
}
impl Shape for Circle {
    #[inline(never)]
    fn area(&self, scale: f64) -> f64 {
        (0..50).fold(0.0, |sum, step| sum + (self.0 * f64::from(step)).sin() * scale)
    }
}

#[inline(never)]
fn words(seed: u64) -> Vec<String> {
    let mut state = (seed + 1).wrapping_mul(2862933555777941757);
    // Another number in each round: a sampler's fixed rate would run in step with rounds of one length, and show any share.
    let mut list: Vec<String> = (0..1 + (state >> 33) % 200)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            format!("{:x}-{:.3}", state >> 40, (state >> 20) as f64 / 7.0)
        })
        .collect();
    list.sort_by(|one, other| other.cmp(one));
    list
}

#[inline(never)]
fn panics(seed: u64) -> bool {
    std::panic::catch_unwind(|| {
        if seed % 2 == 1 {
            std::panic::resume_unwind(Box::new(seed));
        }
    })
    .is_err()
}

#[inline(never)]
fn round(seed: u64) -> usize {
    let shapes: Vec<Box<dyn Shape>> = vec![Box::new(Square(2.0)), Box::new(Circle(3.0))];
    let mut counts = BTreeMap::new();
    for word in words(seed) {
        *counts.entry(word[..2].to_string()).or_insert(0usize) += word.len();
    }
    let area: f64 = shapes.iter().map(|shape| shape.area(seed as f64)).sum();
    counts.len() + usize::from(panics(seed)) + usize::from(area.is_nan())
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let end = Instant::now() + Duration::from_secs(seconds);
    let other = std::thread::spawn(move || {
        let mut sum = 0;
        while Instant::now() < end {
            sum += round(sum as u64);
        }
        sum
    });
    let mut sum = 0;
    while Instant::now() < end {
        sum += round(sum as u64);
    }
    std::process::exit(i32::from(other.join().unwrap() + sum == 0));
}
