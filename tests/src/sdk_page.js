// An agent's page: the vendor's SDK, what it tells, and an ear that measures what it plays.
window.agent = (() => {
  const PATIENCE_MS = 20000;
  const context = new AudioContext({ sampleRate: 48000 });
  const ear = new AnalyserNode(context, { fftSize: 32768, smoothingTimeConstant: 0 });
  // An analyser that leads nowhere is not run.
  ear.connect(new GainNode(context, { gain: 0 })).connect(context.destination);
  const speaker = new Audio();
  let source = null, heard = null;
  let sdk = null;
  const log = [];
  let read = 0;
  const conversations = new Map();

  const note = (name, data) => log.push({ at: Math.round(performance.now()), name, data });
  addEventListener("error", (event) => note("page-error", String(event.message)));
  addEventListener("unhandledrejection", (event) => note("page-rejection", String(event.reason?.stack ?? event.reason)));
  for (const level of ["warn", "error"]) {
    const kept = console[level];
    console[level] = (...words) => { note(`console-${level}`, words.map(String).join(" ").slice(0, 300)); kept(...words); };
  }

  const soon = (ms) => new Promise((done) => setTimeout(done, ms));
  // Asks again and again until something is found.
  const until = async (ask) => {
    const end = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = ask();
      if (found !== undefined) return found;
      if (performance.now() > end) return null;
      await soon(10);
    }
  };

  const session = (it) => it && { id: it.id, sessionId: it.sessionId ?? it.id, conversationId: it.conversationId, state: it.state,
    reinvite: it.reinvite, sessionType: it.sessionType, autoAnswer: it.autoAnswer };
  const call = (state) => ({ id: state.conversationId, state: state.mostRecentCallState?.state,
    held: state.mostRecentCallState?.held, muted: state.mostRecentCallState?.muted, session: state.session?.id });
  const EVENTS = {
    connected: (it) => it, ready: () => ({}), disconnected: (it) => ({ it: String(it) }),
    pendingSession: session, handledPendingSession: session, cancelPendingSession: session,
    sessionStarted: session, sessionInterrupted: session,
    sessionEnded: (it, reason) => ({ ...session(it), reason: reason?.condition }),
    sdkError: (it) => ({ type: it.type, message: it.message }),
    conversationUpdate: (it) => ({ current: it.current.map(call), added: it.added.map(call), removed: it.removed.map(call) }),
    station: (it) => ({ action: it.action, station: it.station?.id }),
    concurrentSoftphoneSessionsEnabled: (it) => ({ enabled: it }),
  };

  const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  // OAuth code with PKCE, as a page does it (RFC 7636).
  const token = async (exchange, user) => {
    const verifier = base64url(crypto.getRandomValues(new Uint8Array(48)));
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    const fields = { client_id: "sdk-page", redirect_uri: `${location.origin}/signed-in` };
    const query = new URLSearchParams({ ...fields, response_type: "code", code_challenge_method: "S256",
      code_challenge: base64url(new Uint8Array(digest)), state: "sdk", login_hint: user });
    const back = new URL((await fetch(`${exchange}/oauth/authorize?${query}`)).url);
    const code = back.searchParams.get("code");
    if (!code) throw new Error(`no code: ${back.search}`);
    const body = new URLSearchParams({ ...fields, grant_type: "authorization_code", code, code_verifier: verifier });
    const reply = await (await fetch(`${exchange}/oauth/token`, { method: "POST", body })).json();
    if (!reply.access_token) throw new Error(`no token: ${JSON.stringify(reply)}`);
    return reply.access_token;
  };

  const listen = () => {
    const stream = speaker.srcObject;
    if (stream === heard) return;
    heard = stream;
    source?.disconnect();
    source = stream ? new MediaStreamAudioSourceNode(context, { mediaStream: stream }) : null;
    source?.connect(ear);
  };
  const bins = async () => {
    listen();
    // The analyser looks back over 0.7 s.
    await soon(350);
    listen();
    const found = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(found);
    return found;
  };
  const hertz = (index) => index * context.sampleRate / ear.fftSize;

  return {
    log, conversations,
    get sdk() { return sdk; },
    async signIn(exchange, user, options) {
      await context.resume();
      const Sdk = window.GenesysCloudWebrtcSdk.GenesysCloudWebrtcSdk ?? window.GenesysCloudWebrtcSdk;
      sdk = new Sdk({
        accessToken: await token(exchange, user),
        environment: exchange, wsHost: exchange.replace(/^http/, "ws"), optOutOfTelemetry: true,
        allowedSessionTypes: ["softphone"], logLevel: "warn",
        // A steady tone is noise to a noise suppressor.
        defaults: { audioElement: speaker, micAutoGainControl: false, micEchoCancellation: false, micNoiseSuppression: false },
        ...options,
      });
      for (const [name, tell] of Object.entries(EVENTS)) {
        sdk.on(name, (...words) => {
          if (name === "conversationUpdate") {
            for (const state of words[0].current) conversations.set(state.conversationId, call(state));
            for (const state of words[0].removed) conversations.set(state.conversationId, { ...call(state), gone: true });
          }
          note(name, tell(...words) ?? {});
        });
      }
      try {
        await sdk.initialize();
      } catch (error) {
        return `${error.type}: ${error.message}`;
      }
      return "ready";
    },
    call: async (method, argument) => { await sdk[method](argument); return "done"; },
    next: (name, fits) => until(() => {
      while (read < log.length) {
        const entry = log[read++];
        if (entry.name === name && fits(entry.data)) return { ...entry.data, at: entry.at };
      }
      return undefined;
    }),
    callIs: (id, fits) => until(() => {
      const state = conversations.get(id);
      return state && fits(state) ? true : undefined;
    }),
    forget: () => { read = log.length; },
    async hears() {
      const found = await bins();
      const loudest = found.reduce((best, level, index) => (level > found[best] ? index : best), 0);
      return { hz: hertz(loudest), db: Math.max(found[loudest], -300) };
    },
    async level(hz) {
      const found = await bins();
      const middle = Math.round(hz * ear.fftSize / context.sampleRate);
      return Math.max(...found.slice(middle - 3, middle + 4), -300);
    },
    connections: () => sdk.sessionManager.getAllActiveSessions().map((it) => ({ ...session(it), pc: it.pc?.connectionState ?? it.peerConnection?.connectionState })),
    story: () => log.map((entry) => `${entry.at} ${entry.name} ${JSON.stringify(entry.data)}`).join("\n"),
  };
})();
