// Names of Rust's v0 scheme read as binutils reads them: those of a program that has every kind of them, and those of
// the standard library that is linked into it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadAddon } from '../../src/native/load.ts'

// What Rust has names for: generics, closures, trait objects, function pointers, constants, letters beyond ASCII.
const PROGRAM = `
  #![allow(dead_code)]
  use std::{collections::BTreeMap, fmt, hint::black_box};
  mod deep { pub struct W<T>(pub T); pub enum Never {} }
  impl<T: fmt::Debug> fmt::Debug for deep::W<T> { #[inline(never)] fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) } }
  impl<T> deep::W<T> { #[inline(never)] fn map<R, F: FnOnce(T) -> R>(self, f: F) -> R { f(self.0) } }
  trait Shape<T> { type Area; fn area(&self, of: T) -> Self::Area; #[inline(never)] fn twice(&self) -> u8 { black_box(2) } }
  impl<'a, const N: usize> Shape<&'a u8> for [i16; N] { type Area = u32; #[inline(never)] fn area(&self, of: &'a u8) -> u32 { black_box(*of as u32) } }
  struct Flags<const A: bool, const B: char, const C: i64, const D: u128>;
  impl<const A: bool, const B: char, const C: i64, const D: u128> Flags<A, B, C, D> { #[inline(never)] fn go() { black_box(D); } }
  #[inline(never)] fn of<T: ?Sized>() { black_box(std::any::type_name::<T>()); }
  #[inline(never)] fn größe() -> usize { black_box(|| 3)() }
  #[track_caller] #[inline(never)] fn tracked() { black_box(std::panic::Location::caller()); }
  fn main() {
    println!("{:?} {}", deep::W(deep::W(1)), deep::W("a").map(|text| [text.len()].iter().map(|n| n + größe()).sum::<usize>()));
    let boxed: Box<dyn for<'a> Shape<&'a u8, Area = u32>> = Box::new([1i16; 3]);
    black_box((boxed.area(&1), boxed.twice()));
    Flags::<true, 'x', -7, 9>::go(); Flags::<false, '\\n', { i64::MIN }, { u128::MAX }>::go(); Flags::<false, '∂', 0, 0>::go();
    of::<for<'a, 'b> unsafe extern "C" fn(&'a u8, &'b mut [u16], ...) -> &'a str>();
    of::<for<'a> fn(for<'b> fn(&'a u8, &'b *const i8) -> &'b *mut f64) -> deep::Never>();
    of::<extern "C-unwind" fn((), (u8,), (f32, char, [bool; 4]))>();
    of::<dyn for<'a> Shape<&'a u8, Area = str> + Send + Sync>(); of::<[Option<i128>]>();
    let call: fn() = black_box(tracked); call();
    let mut counts = BTreeMap::new(); for word in std::env::args() { *counts.entry(word).or_insert(0u64) += 1; }
    println!("{counts:?}"); black_box(std::thread::spawn(|| größe()).join().is_ok());
  }
`
const OPTIONS = ['-C', 'symbol-mangling-version=v0']
const EXPECTED = [
  '<rusty::deep::W<i32> as core::fmt::Debug>::fmt',
  '<[i16; 3] as rusty::Shape<&u8>>::area',
  "<rusty::Flags<false, '∂', 0, 0>>::go",
  'rusty::größe::{closure#0}',
  'rusty::of::<extern "C-unwind" fn((), (u8,), (f32, char, [bool; 4]))>',
  'std::rt::lang_start::<()>',
]

/** Why nothing can be compared here; false where it can. */
function lacksJudge(): string | false {
  try {
    const read = execFileSync('c++filt', ['-i', '_RNvC1a1b'], { encoding: 'utf8' }).trim()
    if (read !== 'a::b') return 'c++filt does not read v0 names (that of binutils 2.36 does)'
    execFileSync('nm', ['--version'], { stdio: 'ignore' })
    execFileSync('cc', ['--version'], { stdio: 'ignore' })
    execFileSync('rustc', [...OPTIONS, '--print', 'sysroot'], { stdio: 'ignore' })
    return false
  } catch {
    return 'binutils, cc, or a rustc that writes v0 names (1.59 does) is not installed'
  }
}

/** The v0 names of a program compiled for this. */
function compiledNames(): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-rust-'))
  try {
    const program = join(folder, 'rusty')
    writeFileSync(`${program}.rs`, PROGRAM)
    execFileSync('rustc', [...OPTIONS, '-o', program, `${program}.rs`], { stdio: 'pipe' })
    const listing = execFileSync('nm', ['-P', '--defined-only', program], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    })
    return [...new Set(listing.split('\n').map((line) => line.split(' ')[0] ?? ''))].filter((name) =>
      name.startsWith('_R'),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The name without what c++filt 2.40 writes in a style of its own; Sonde writes it as Rust does. */
const comparable = (text = '') =>
  text
    // A constant beyond 64 bits: c++filt loses the first digit, and shows the underscore that closes the last.
    .replace(/0x[0-9a-f]+_?/g, '0x…')
    // A character beyond ASCII: c++filt gives its number.
    .replace(/'(?:[^ -~]|\\u\{[0-9a-f]+\})'/gu, "'…'")

test('Rust names read as c++filt reads them', { skip: lacksJudge() }, (t) => {
  const { demangle } = loadAddon()
  const names = compiledNames()
  // -i leaves out the hashes of crates.
  const judged = execFileSync('c++filt', ['-i'], { input: names.join('\n'), encoding: 'utf8' }).split('\n')
  const read = names.map((name) => demangle(name))
  const wrong = names.filter((_, index) => comparable(read[index]) !== comparable(judged[index]))
  assert.deepEqual(wrong.slice(0, 5), [])
  assert.deepEqual(
    EXPECTED.filter((name) => !read.includes(name)),
    [],
  )
  assert.ok(names.length > 100, `only ${names.length} names`)
  t.diagnostic(`${names.length} names compared`)
})
