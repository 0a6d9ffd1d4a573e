//! Which sound devices a run without a window uses, and what its recording says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use phone_audio::level::rms_dbfs;
use phone_audio::measure::speech_heard;
use phone_audio::sound::{Choice, Role};
use phone_device::wav;

use super::args::SoundArgs;
use super::config::Settings;
use super::exit::Failure;
use super::lines::Heard;

/// A few spoken sentences for a computer without a microphone.
const SPEECH: &[u8] = include_bytes!("../../../exchange/assets/speech.wav");
/// An echo comes back within this time, or it is none.
const LATEST_ECHO: Duration = Duration::from_millis(1_500);

/// The devices of a run.
pub struct Devices {
    pub choices: Vec<(Role, Choice)>,
    /// Worth telling: what was chosen instead of what was not there.
    pub note: Option<String>,
    /// The spoken sentences, while they are needed as a file.
    _spoken: Option<TemporaryFile>,
}

impl Devices {
    /// `rings`: calls come in and ring. `stand_in`: without a sound service, the spoken sentences may speak.
    pub fn choose(asked: &SoundArgs, settings: &Settings, rings: bool, stand_in: bool) -> Result<Self, Failure> {
        let mut microphone = asked.input.clone().or_else(|| settings.microphone.clone());
        let mut speaker = asked.output.clone().or_else(|| settings.speaker.clone());
        let (mut spoken, mut note) = (None, None);
        if microphone.is_none() && stand_in && !has_microphone() {
            let file = TemporaryFile::write("speech.wav", SPEECH).map_err(|error| {
                Failure::usage(
                    "no-temporary-file",
                    format!("The spoken test sentence cannot be written to the temporary folder: {error}."),
                    "Make room there, or name a recording with --input FILE.wav.",
                )
            })?;
            microphone = Some(Choice::WavFile(file.path().to_owned()));
            spoken = Some(file);
            let mut text = "No microphone here, so a spoken test sentence speaks instead.".to_owned();
            if speaker.is_none() {
                speaker = Some(Choice::Null);
                text.push_str(" What is heard is measured and thrown away (--output FILE.wav keeps it).");
            }
            note = Some(text);
        }
        let speaker = speaker.unwrap_or(Choice::FollowSystem);
        let ringer = match &settings.ringer {
            _ if !rings => Choice::Null,
            Some(choice) => choice.clone(),
            // With files for devices nobody listens to a ringing.
            None if matches!(speaker, Choice::FollowSystem | Choice::Device(_) | Choice::Ranked(_)) => {
                Choice::FollowSystem
            }
            None => Choice::Null,
        };
        let choices = vec![
            (Role::Microphone, microphone.unwrap_or(Choice::FollowSystem)),
            (Role::Speaker, speaker),
            (Role::Ringer, ringer),
        ];
        let devices = Self { choices, note, _spoken: spoken };
        devices.check_files()?;
        Ok(devices)
    }

    /// A file that cannot be used is told before anybody is called.
    fn check_files(&self) -> Result<(), Failure> {
        for (role, choice) in &self.choices {
            let Choice::WavFile(path) = choice else { continue };
            if *role == Role::Microphone {
                wav::WavSource::open(path).map_err(|error| {
                    Failure::usage(
                        "input-unusable",
                        format!("The input cannot be used: {error}."),
                        "Name a WAV file, or use --input tone:440 or device:ID.",
                    )
                })?;
            } else if let Err(why) = can_be_written(path) {
                return Err(Failure::usage(
                    "output-unusable",
                    format!("The output {} cannot be written: {why}.", path.display()),
                    "Name a file in a folder that exists and may be written, or use --output null.",
                ));
            }
        }
        Ok(())
    }

    fn file_of(&self, wanted: Role) -> Option<&Path> {
        self.choices.iter().find_map(|(role, choice)| match choice {
            Choice::WavFile(path) if *role == wanted => Some(path.as_path()),
            _ => None,
        })
    }

    /// Compares the recording with what was sent; `None` when nothing was recorded. Call it after the devices closed.
    pub fn compare(&self) -> Option<Heard> {
        let file = self.file_of(Role::Speaker)?;
        let heard = wav::read(file).map_err(|error| tracing::warn!(%error, "the recording cannot be read")).ok()?;
        let sent = self.file_of(Role::Microphone).and_then(|path| wav::read(path).ok());
        let found = sent.and_then(|sent| {
            // What was not spoken yet when the call ended cannot have come back.
            let sent = sent.get(..sent.len().min(heard.len())).unwrap_or_default();
            speech_heard(sent, &heard, LATEST_ECHO)
        });
        let level = rms_dbfs(&heard);
        Some(Heard {
            file: file.display().to_string(),
            recognised: found.map(|found| found.recognised),
            delay_ms: found.map(|found| found.delay.as_secs_f64() * 1_000.0),
            gain_db: found.map(|found| found.gain_db),
            level_dbfs: level.is_finite().then_some(level),
        })
    }
}

/// Whether there is anything to record from.
fn has_microphone() -> bool {
    phone_device::list().is_ok_and(|devices| devices.iter().any(|device| device.input))
}

/// Without leaving a trace when it can.
fn can_be_written(path: &Path) -> std::io::Result<()> {
    let existed = path.exists();
    std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    if !existed {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// A file of this run, removed at its end.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn write(name: &str, bytes: &[u8]) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("offhook-{}-{name}", std::process::id()));
        // Never through a link that another user has put there.
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
        std::io::Write::write_all(&mut file, bytes)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "a temporary file stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(input: Option<Choice>, output: Option<Choice>, rings: bool) -> Result<Devices, Failure> {
        Devices::choose(&SoundArgs { input, output }, &Settings::default(), rings, false)
    }

    #[test]
    fn without_a_word_the_system_s_devices_are_used_and_an_outgoing_call_rings_nowhere() {
        let devices = choose(None, None, false).expect("nothing is opened yet");
        let wanted = [
            (Role::Microphone, Choice::FollowSystem),
            (Role::Speaker, Choice::FollowSystem),
            (Role::Ringer, Choice::Null),
        ];
        assert_eq!(devices.choices, wanted);
    }

    #[test]
    fn a_phone_with_a_file_for_a_speaker_does_not_ring_aloud() {
        let ringer = |output| choose(None, output, true).expect("nothing is opened yet").choices.pop();
        assert_eq!(ringer(Some(Choice::Null)), Some((Role::Ringer, Choice::Null)));
        assert_eq!(ringer(None), Some((Role::Ringer, Choice::FollowSystem)));
    }

    #[test]
    fn files_that_cannot_be_used_are_named_before_anybody_is_called() {
        let missing = choose(Some(Choice::WavFile("/no/such.wav".into())), None, false);
        assert!(missing.is_err_and(|failure| failure.notice.text.contains("/no/such.wav")));
        let unwritable = choose(None, Some(Choice::WavFile("/no/such/heard.wav".into())), false);
        assert!(unwritable.is_err_and(|failure| failure.notice.text.contains("/no/such/heard.wav")));
    }

    #[test]
    fn a_recording_of_what_was_sent_is_recognised() {
        let file = TemporaryFile::write("compare.wav", SPEECH).expect("the temporary folder can be written");
        let same = Choice::WavFile(file.path().to_owned());
        let choices = vec![(Role::Microphone, same.clone()), (Role::Speaker, same)];
        let heard = Devices { choices, note: None, _spoken: None }.compare().expect("there is a recording");
        assert!(heard.recognised.is_some_and(|share| share > 0.99), "{heard:?}");
        assert!(heard.delay_ms.is_some_and(|ms| ms < 1.0), "{heard:?}");
    }
}
