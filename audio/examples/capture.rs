//! Sends two recordings through the whole capture chain, for the bench: what the speaker played, and what the microphone
//! heard meanwhile. Both 48 kHz mono.
//!
//! `capture FAR.wav MIC.wav OUT.wav [echo] [noise|strong] [even-out] [trace]`; FAR may be `-` for silence. Prints one line
//! of JSON: processor time per second of sound, and what the canceller found.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program of the bench, not of the phone")]

use std::error::Error;
use std::time::Instant;

use phone_audio::capture::{CaptureChain, CaptureSettings};
use phone_audio::noise::NoisePreset;
use phone_audio::{FRAME_SAMPLES, Frame};

fn read(path: &str) -> Result<Vec<f32>, Box<dyn Error>> {
    let mut file = hound::WavReader::open(path)?;
    let spec = file.spec();
    if (spec.sample_rate, spec.channels) != (48_000, 1) {
        return Err(format!("{path} is not 48 kHz mono").into());
    }
    Ok(match spec.sample_format {
        hound::SampleFormat::Float => file.samples::<f32>().collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => {
            let scale = 1.0 / (1_u32 << (spec.bits_per_sample - 1)) as f32;
            file.samples::<i32>().map(|x| x.map(|x| x as f32 * scale)).collect::<Result<_, _>>()?
        }
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [far, mic, out, words @ ..] = arguments.as_slice() else {
        return Err("usage: capture FAR.wav MIC.wav OUT.wav [echo] [noise|strong] [even-out] [trace]".into());
    };
    let has = |word: &str| words.iter().any(|given| given == word);
    let mic = read(mic)?;
    let far = if far == "-" { vec![0.0; mic.len()] } else { read(far)? };
    let mut chain = CaptureChain::new();
    let noise = match (has("strong"), has("noise")) {
        (true, _) => NoisePreset::Strong,
        (false, true) => NoisePreset::Normal,
        (false, false) => NoisePreset::Off,
    };
    chain.set(CaptureSettings { echo: has("echo"), noise, even_out: has("even-out") });
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(out, spec)?;
    let (mut worst_us, mut total) = (0.0_f64, 0.0_f64);
    for (n, (mic, far)) in mic.chunks_exact(FRAME_SAMPLES).zip(far.chunks_exact(FRAME_SAMPLES)).enumerate() {
        let mut near = Frame(mic.try_into()?);
        let played = Frame(far.try_into()?);
        let start = Instant::now();
        chain.played(&played);
        chain.process(&mut near);
        let took = start.elapsed().as_secs_f64();
        total += took;
        worst_us = worst_us.max(took * 1e6);
        for sample in near.0 {
            writer.write_sample(sample)?;
        }
        if has("trace")
            && let Some(state) = chain.echo_state()
        {
            println!("{:.2} {state:?}", n as f32 / 100.0);
        }
    }
    writer.finalize()?;
    let seconds = mic.len() as f64 / 48_000.0;
    let state = chain.echo_state().unwrap_or_default();
    println!(
        r#"{{"cpu_ms_per_s":{:.2},"worst_us":{worst_us:.0},"delay_ms":{},"echo_delay_ms":{:.0},"return_loss_db":{:.1},"drift_ppm":{:.1},"headset":{},"bypassed":{}}}"#,
        total * 1e3 / seconds,
        chain.delay_ms(),
        state.delay_ms,
        state.return_loss_db,
        state.drift_ppm,
        state.headset,
        state.bypassed,
    );
    Ok(())
}
