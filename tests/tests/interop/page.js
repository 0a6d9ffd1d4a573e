// Runs in the browser: one peer connection whose microphone is an oscillator, and an ear that measures.
window.far = (() => {
  const context = new AudioContext({ sampleRate: 48000 });
  const oscillator = new OscillatorNode(context, { frequency: 880 });
  const gain = new GainNode(context, { gain: 0.1 });
  const microphone = new MediaStreamAudioDestinationNode(context);
  oscillator.connect(gain).connect(microphone);
  oscillator.start();
  const ear = new AnalyserNode(context, { fftSize: 32768, smoothingTimeConstant: 0 });
  // An analyser that leads nowhere is not run.
  ear.connect(new GainNode(context, { gain: 0 })).connect(context.destination);

  const connection = new RTCPeerConnection({ iceServers: [] });
  let source = null;
  // Anew after each negotiation: a source whose track was stopped by a hold stays silent for good.
  const listen = () => {
    source?.disconnect();
    const stream = new MediaStream([connection.getReceivers()[0].track.clone()]);
    // Chromium feeds WebAudio only from streams that an element plays.
    const element = new Audio();
    element.srcObject = stream;
    element.muted = true;
    element.play();
    source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
    source.connect(ear);
  };
  const sender = connection.addTrack(microphone.stream.getAudioTracks()[0], microphone.stream);

  const gathered = () => new Promise((done) => {
    if (connection.iceGatheringState === "complete") return done();
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && done();
  });
  const description = async () => { await gathered(); return connection.localDescription.sdp; };

  return {
    async offer(options) {
      await context.resume();
      await connection.setLocalDescription(await connection.createOffer(options));
      return description();
    },
    async answer(sdp) {
      await context.resume();
      await connection.setRemoteDescription({ type: "offer", sdp });
      await connection.setLocalDescription(await connection.createAnswer());
      listen();
      return description();
    },
    async accept(sdp) {
      await connection.setRemoteDescription({ type: "answer", sdp });
      listen();
    },
    direction: (value) => { connection.getTransceivers()[0].direction = value; },
    digits: (tones) => sender.dtmf.insertDTMF(tones, 100, 70),
    state: () => connection.connectionState + " " + context.state,
    // The loudest frequency and its level.
    hears() {
      const bins = new Float32Array(ear.frequencyBinCount);
      ear.getFloatFrequencyData(bins);
      const loudest = bins.reduce((best, level, index) => (level > bins[best] ? index : best), 0);
      return { hz: loudest * context.sampleRate / ear.fftSize, db: Math.max(bins[loudest], -300) };
    },
    async stats() {
      const found = {};
      for (const report of (await connection.getStats()).values()) {
        if (report.type === "inbound-rtp") Object.assign(found, {
          received: report.packetsReceived, lost: report.packetsLost,
          // Silence before the first packet is no loss.
          concealed: report.concealedSamples - report.silentConcealedSamples, samples: report.totalSamplesReceived });
        if (report.type === "outbound-rtp") found.sent = report.packetsSent;
        if (report.type === "remote-inbound-rtp") found.rtt = report.roundTripTime;
        if (report.type === "codec") (found.codecs ??= []).push(report.mimeType);
      }
      return found;
    },
  };
})();
"ready"
