// The camera at enrolment: reads the QR code of the operator's page once, then lets go of the camera. Fetched when asked for.

import { element } from "../page.js";
import { scriptUrl } from "../scripts.js";

const BETWEEN_MS = 80;

// Gives the text of the first code that carries an enrolment code; null once `isWanted()` says no. Throws without a camera.
export async function readOnce(place, isWanted) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  const video = element("video", { class: "enrol-video", playsinline: true });
  video.muted = true;
  place.append(video);
  const worker = new Worker(scriptUrl("/static/js/counter/decoder.js"));
  try {
    video.srcObject = stream;
    await video.play();
    return await search(video, worker, isWanted);
  } finally {
    worker.terminate();
    stream.getTracks().forEach((track) => track.stop());
    video.remove();
  }
}

async function search(video, worker, isWanted) {
  const canvas = document.createElement("canvas");
  while (isWanted()) {
    const texts = video.videoWidth ? await decoded(frameOf(video, canvas), worker) : [];
    const found = texts.find((text) => text.includes("code="));
    if (found) return found;
    await new Promise((go) => { setTimeout(go, BETWEEN_MS); });
  }
  return null;
}

function frameOf(video, canvas) {
  const { videoWidth: width, videoHeight: height } = video;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0);
  return context.getImageData(0, 0, width, height);
}

function decoded(frame, worker) {
  return new Promise((resolve, reject) => {
    worker.onerror = reject;
    worker.onmessage = ({ data }) => (data.failed ? reject(new Error("no decoder")) : resolve(data.texts));
    worker.postMessage(frame, [frame.data.buffer]);
  });
}
