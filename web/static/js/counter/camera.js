// The camera as a scanner: frames go to a worker that looks for one QR code. After a code it rests until the next visitor.

import { byId } from "../page.js";
import { scriptUrl } from "../scripts.js";
import { onLanguage, word } from "../words.js";
import { frameTaken } from "./pace.js";
import { cardIn, clean, looksPresented } from "./presented.js";

const WORKER = "/static/js/counter/decoder.js";
const BETWEEN_MS = 80;
// A phone left before the camera shows a new code every fifteen seconds: its holder is the next visitor only once the card
// was gone for so many frames. Another card is another visitor, at once.
const EMPTY_FRAMES = 4;
const AGAIN_MS = 1500;
const WANTED = { width: { ideal: 1280 }, height: { ideal: 720 } };
const CHOICE = "yunju-camera";
// After a reload the page before may hold the camera for a moment longer.
const BUSY = new Set(["NotReadableError", "AbortError"]);
const BUSY_TRIES = 4;
const BUSY_MS = 600;

export class Camera {
  // `onForeign`: a code that is no card's, told once while it stays in view; `onSeveral`: two cards in one picture.
  constructor(onText, { onForeign = null, onSeveral = () => null } = {}) {
    this.onText = onText;
    this.onForeign = onForeign;
    this.onSeveral = onSeveral;
    this.stream = null;
    this.worker = null;
    this.resting = true;
    this.empty = EMPTY_FRAMES;
    this.card = null; // what names the card read last
    this.foreign = null;
    this.state = "off";
    this.canvas = document.createElement("canvas");
    byId("camera-toggle").addEventListener("click", () => (this.stream ? this.stop() : this.start()));
    byId("camera-switch").addEventListener("click", () => this.turn());
    byId("camera-light").addEventListener("click", () => this.light());
    onLanguage(() => this.show());
    this.show();
    // A tablet that scanned by camera yesterday does so today.
    if (localStorage.getItem(CHOICE)) this.start();
  }

  get possible() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  set(state) {
    this.state = state;
    this.show();
  }

  show() {
    const state = this.possible ? this.state : "none";
    byId("camera-state").textContent = word(`scan.camera-${state}`);
    byId("camera").classList.toggle("live", this.stream !== null);
    byId("video").hidden = this.stream === null;
    const toggle = byId("camera-toggle");
    toggle.disabled = !this.possible || state === "starting";
    toggle.querySelector("span").textContent = word(this.stream ? "scan.stop" : "scan.start");
  }

  async start(device = localStorage.getItem(CHOICE)) {
    this.set("starting");
    try {
      const which = device && device !== "any" ? { deviceId: device } : { facingMode: "environment" };
      this.stream = await opened({ video: { ...WANTED, ...which }, audio: false });
    } catch (error) {
      localStorage.removeItem(CHOICE);
      this.set(error.name === "NotAllowedError" ? "refused" : "none");
      return;
    }
    this.track.addEventListener("ended", () => this.lost());
    const video = byId("video");
    video.srcObject = this.stream;
    await video.play().catch(() => null);
    localStorage.setItem(CHOICE, device || "any");
    this.worker ??= this.makeWorker();
    this.set(this.blind ? "blind" : "on");
    await this.showExtras();
    this.resume();
  }

  // The camera was unplugged, or its permission withdrawn: said at once, and tried once again.
  async lost() {
    if (!this.stream) return;
    this.stream = null;
    this.resting = true;
    byId("camera-switch").hidden = byId("camera-light").hidden = true;
    this.set("lost");
    await new Promise((go) => { setTimeout(go, AGAIN_MS); });
    if (this.state === "lost") await this.start();
  }

  // The decoder did not load: the picture is there and nothing reads it.
  cannotRead() {
    this.blind = true;
    this.worker = null;
    if (this.stream) this.set("blind");
  }

  stop() {
    this.resting = true;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    localStorage.removeItem(CHOICE);
    byId("camera-switch").hidden = byId("camera-light").hidden = true;
    this.set("off");
  }

  async showExtras() {
    const cameras = await this.cameras();
    byId("camera-switch").hidden = cameras.length < 2;
    byId("camera-light").hidden = !this.track.getCapabilities?.().torch;
    byId("camera-light").setAttribute("aria-pressed", "false");
  }

  get track() {
    return this.stream.getVideoTracks()[0];
  }

  async cameras() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((device) => device.kind === "videoinput");
  }

  async turn() {
    const cameras = await this.cameras();
    const now = cameras.findIndex((camera) => camera.deviceId === this.track.getSettings().deviceId);
    this.stop();
    await this.start(cameras[(now + 1) % cameras.length].deviceId);
  }

  async light() {
    const button = byId("camera-light");
    const on = button.getAttribute("aria-pressed") !== "true";
    await this.track.applyConstraints({ advanced: [{ torch: on }] }).catch(() => null);
    button.setAttribute("aria-pressed", String(on));
  }

  makeWorker() {
    const worker = new Worker(scriptUrl(WORKER));
    worker.addEventListener("message", (event) => (event.data.failed ? this.cannotRead() : this.decoded(event.data)));
    worker.addEventListener("error", () => this.cannotRead());
    return worker;
  }

  resume() {
    if (!this.stream || !this.resting || !this.worker) return;
    this.resting = false;
    this.grab();
  }

  pause() {
    this.resting = true;
  }

  // Hands the worker one frame; the next follows once it has answered.
  grab() {
    if (this.resting || !this.stream || !this.worker) return;
    const video = byId("video");
    const { videoWidth: width, videoHeight: height } = video;
    if (!width || document.hidden || document.querySelector("dialog[open]")) {
      setTimeout(() => this.grab(), 250);
      return;
    }
    Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.taken = performance.now();
    context.drawImage(video, 0, 0);
    const frame = context.getImageData(0, 0, width, height);
    this.worker.postMessage(frame, [frame.data.buffer]);
  }

  decoded({ texts }) {
    if (this.resting) return;
    const taken = this.chosen(texts);
    if (taken === null) {
      setTimeout(() => this.grab(), BETWEEN_MS);
      return;
    }
    this.resting = true;
    frameTaken(this.taken);
    this.onText(taken);
  }

  // Of the codes in a frame the one to take now; null for none, for the card taken last, and for two cards at once.
  chosen(texts) {
    const ours = this.onForeign ? texts.filter((text) => looksPresented(clean(text))) : texts;
    if (!ours.length) {
      this.empty += 1;
      this.tellForeign(texts[0] ?? null);
      return null;
    }
    this.foreign = null;
    const cards = new Map(ours.map((text) => [cardIn(clean(text)), text]));
    if (cards.size > 1) {
      this.onSeveral();
      return null;
    }
    const [[card, text]] = cards;
    const isSame = card === this.card && this.empty < EMPTY_FRAMES;
    this.empty = 0;
    this.card = card;
    return isSame ? null : text;
  }

  tellForeign(text) {
    if (text !== null && text !== this.foreign) this.onForeign?.(text);
    if (text !== null || this.empty >= EMPTY_FRAMES) this.foreign = text;
  }
}

async function opened(wanted, tries = BUSY_TRIES) {
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    if (tries <= 1 || !BUSY.has(error.name)) throw error;
    await new Promise((go) => { setTimeout(go, BUSY_MS); });
    return opened(wanted, tries - 1);
  }
}
