//! The little that the exchange itself reads and writes in session descriptions (RFC 8866). All else is the media
//! engine's.

/// Adds one candidate line to the only media section.
pub fn add_candidate(sdp: &mut String, candidate: &str) {
    if !sdp.is_empty() && !sdp.ends_with('\n') {
        sdp.push_str("\r\n");
    }
    sdp.push_str("a=");
    sdp.push_str(candidate);
    sdp.push_str("\r\n");
}

/// The `candidate:…` texts of a description or fragment, without `a=`.
pub fn candidates(sdp: &str) -> impl Iterator<Item = &str> {
    sdp.lines().filter_map(|line| line.trim().strip_prefix("a=")).filter(|line| line.starts_with("candidate:"))
}

/// What is wrong with an answer to a softphone offer.
pub fn check_answer(sdp: &str) -> Result<(), &'static str> {
    let has = |prefix: &str| sdp.lines().any(|line| line.trim().starts_with(prefix));
    let sections: Vec<&str> = sdp.lines().filter(|line| line.starts_with("m=")).collect();
    match sections.as_slice() {
        [section] if section.starts_with("m=audio ") => {}
        _ => return Err("the answer has not exactly one audio section"),
    }
    if !has("a=setup:active") && !has("a=setup:passive") {
        return Err("the answer leaves the DTLS role open");
    }
    if !has("a=fingerprint:") {
        return Err("the answer has no fingerprint");
    }
    if !has("a=rtcp-mux") {
        return Err("the answer has no rtcp-mux");
    }
    if !has("a=ice-ufrag:") || !has("a=ice-pwd:") {
        return Err("the answer has no ICE credentials");
    }
    Ok(())
}

/// The same offer with nothing but a codec that no phone has.
pub fn with_unknown_codec(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len());
    for line in sdp.lines() {
        let line = line.trim_end();
        if line.starts_with("m=audio ") {
            let head: Vec<&str> = line.split(' ').take(3).collect();
            out.push_str(&head.join(" "));
            out.push_str(" 97\r\na=rtpmap:97 telepathy/48000/2\r\n");
        } else if !["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().any(|prefix| line.starts_with(prefix)) {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=setup:active\r\na=fingerprint:sha-256 AA\r\na=rtcp-mux\r\n\
                          a=ice-ufrag:u\r\na=ice-pwd:p\r\na=rtpmap:111 opus/48000/2\r\n";

    #[test]
    fn an_answer_must_decide_the_dtls_role() {
        assert_eq!(check_answer(ANSWER), Ok(()));
        assert!(check_answer(&ANSWER.replace("setup:active", "setup:actpass")).is_err());
        assert!(check_answer(&format!("{ANSWER}m=video 9 UDP/TLS/RTP/SAVPF 96\r\n")).is_err());
        assert!(check_answer("").is_err());
    }

    #[test]
    fn candidates_are_read_back_as_they_were_added() {
        let mut sdp = ANSWER.to_owned();
        add_candidate(&mut sdp, "candidate:1 1 udp 1 127.0.0.1 9 typ host");
        assert_eq!(candidates(&sdp).collect::<Vec<_>>(), ["candidate:1 1 udp 1 127.0.0.1 9 typ host"]);
    }

    #[test]
    fn the_unknown_codec_replaces_all_others() {
        let sdp = with_unknown_codec(ANSWER);
        assert!(sdp.contains("m=audio 9 UDP/TLS/RTP/SAVPF 97\r\n") && !sdp.contains("opus"));
    }
}
