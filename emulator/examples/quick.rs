use atari_emulator::*;
fn crc(b: &[u8]) -> u32 { let mut c = !0u32; for &x in b { c ^= x as u32; for _ in 0..8 { c = if c & 1 != 0 { c >> 1 ^ 0xEDB88320 } else { c >> 1 } } } !c }
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&a[1]).unwrap();
    let stem = std::path::Path::new(&a[1]).file_stem().unwrap().to_str().unwrap();
    let image = CartridgeImage::new(&bytes, Some(stem)).unwrap();
    let mut env = Environment::new(&image, Settings::default());
    if a.len() > 3 {
        let n: u32 = a[3].parse().unwrap();
        let t = std::time::Instant::now();
        let mut x = 1u32; let acts = env.minimal_actions();
        for _ in 0..n { x = x.wrapping_mul(1664525).wrapping_add(1013904223); env.act(acts[(x >> 16) as usize % acts.len()]); if env.game_over() { env.reset(); } }
        println!("{:.0} frames/s", n as f64 / t.elapsed().as_secs_f64());
        return;
    }
    let actions = std::fs::read_to_string(&a[2]).unwrap();
    let p = |i: usize, r: i32, e: &Environment| println!("{i},{r},{},{},{:08x},{:08x}", e.lives(), e.game_over() as u8, crc(e.ram()), crc(e.screen().pixels));
    p(0, 0, &env);
    for (i, l) in actions.lines().enumerate() {
        if env.game_over() { env.reset(); }
        let r = env.act(Action::from_number(l.parse().unwrap()).unwrap());
        p(i + 1, r, &env);
    }
}
