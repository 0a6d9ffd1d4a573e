//! The audio part of `cargo xtask bench`, in simulated time: `bench [loss [FOLDER]]`.
//!
//! With a folder, what was heard on each network is written there, 48 kHz mono, beside `reference.wav`: for PESQ and
//! PLCMOS, which are programs of their own. A recording called `speech.wav` in it is sent in place of the made-up voice.

#![allow(clippy::print_stdout, reason = "a program of the bench, not of the phone")]

use std::error::Error;
use std::path::Path;

use phone_audio::jitter::emulation::{Emulation, Network, Outcome, drift, voice};

const CLEAN: Network = Network { loss: 0.0, burst: 1.0, jitter_ms: 0.0, stall_ms: 0.0 };

/// How a network is called, what it does, and what the project set itself.
const NETWORKS: [(&str, Network, &str); 14] = [
    ("clean", CLEAN, "aim 40 ms, 0 %"),
    ("loss 1 %", lossy(0.01, 1.0), ""),
    ("loss 3 %", lossy(0.03, 1.0), ""),
    ("loss 5 %", lossy(0.05, 1.0), ""),
    ("loss 10 %", lossy(0.10, 1.0), ""),
    ("loss 20 %", lossy(0.20, 1.0), ""),
    ("loss 5 %, bursts of 3", lossy(0.05, 3.0), ""),
    ("loss 10 %, bursts of 3", lossy(0.10, 3.0), ""),
    ("jitter 10 ms", jittery(10.0), ""),
    ("jitter 30 ms", jittery(30.0), "aim 80 ms, 1 %"),
    ("jitter 60 ms", jittery(60.0), "aim 150 ms, 2 %"),
    ("jitter 30 ms, loss 5 %", Network { jitter_ms: 30.0, ..lossy(0.05, 1.0) }, ""),
    ("stall of 300 ms", Network { stall_ms: 300.0, ..CLEAN }, "aim: forgotten in 5 s"),
    ("stall of 1 s", Network { stall_ms: 1000.0, ..CLEAN }, "aim: forgotten in 5 s"),
];

const fn lossy(loss: f64, burst: f64) -> Network {
    Network { loss, burst, ..CLEAN }
}

const fn jittery(jitter_ms: f64) -> Network {
    Network { jitter_ms, ..CLEAN }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["loss"] => loss(None),
        ["loss", folder] => loss(Some(Path::new(folder))),
        _ => Err("usage: bench [loss [FOLDER]]".into()),
    }
}

fn loss(folder: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let recording = folder.map(|folder| folder.join("speech.wav")).filter(|path| path.exists());
    let source = match recording {
        Some(path) => read(&path)?,
        None => voice(30.0),
    };
    if let Some(folder) = folder {
        write(&folder.join("reference.wav"), &source)?;
    }
    println!("\nloss: Opus, 20 ms packets, with FEC as a call has it; delay that the jitter buffer adds");
    println!(
        "{:<30} {:>8} {:>8} {:>10} {:>10} {:>12}",
        "", "mean ms", "p95 ms", "concealed", "recovered", "settled ms"
    );
    for (name, network, aim) in NETWORKS {
        let emulation = Emulation { loss_told: network.loss as f32, ..Emulation::new(source.clone()) };
        let outcome = emulation.run(network.fates(1))?;
        line(name, &outcome, aim);
        if let Some(folder) = folder {
            write(&folder.join(format!("{}.wav", name.replace([' ', ',', '%'], ""))), &outcome.sound)?;
        }
    }
    println!("\ndrift: eight hours, PCMU\n{:<30} {:>8} {:>8} {:>14}", "", "least ms", "most ms", "concealed ms");
    for ppm in [-200.0, 200.0] {
        let outcome = drift(ppm, 8)?;
        println!(
            "{:<30} {:>8.1} {:>8.1} {:>14.1}  aim: within 5 ms, nothing concealed",
            format!("{ppm:+} ppm"),
            outcome.least_ms,
            outcome.most_ms,
            outcome.statistics.concealed_samples as f64 / 48.0,
        );
    }
    Ok(())
}

fn line(name: &str, outcome: &Outcome, aim: &str) {
    let statistics = &outcome.statistics;
    let recovered = 100.0 * statistics.recovered_samples as f64 / statistics.total_samples_received.max(1) as f64;
    // A stall is over at 10 s.
    let settled = outcome.delays.get(13).map_or(f64::NAN, |(wait, _)| *wait);
    println!(
        "{name:<30} {:>8.1} {:>8.1} {:>8.2} % {recovered:>8.2} % {settled:>12.1}  {aim}",
        outcome.mean_wait_ms(),
        outcome.p95_wait_ms(),
        outcome.concealed_percent(),
    );
}

fn read(path: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    let mut file = hound::WavReader::open(path)?;
    let spec = file.spec();
    if (spec.sample_rate, spec.channels, spec.sample_format) != (48_000, 1, hound::SampleFormat::Int) {
        return Err(format!("{} is not 48 kHz mono of whole numbers", path.display()).into());
    }
    let scale = 1.0 / (1_u32 << (spec.bits_per_sample - 1)) as f32;
    Ok(file.samples::<i32>().map(|sample| sample.map(|sample| sample as f32 * scale)).collect::<Result<_, _>>()?)
}

fn write(path: &Path, sound: &[f32]) -> Result<(), Box<dyn Error>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec)?;
    for sample in sound {
        file.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0) as i16)?;
    }
    Ok(file.finalize()?)
}
