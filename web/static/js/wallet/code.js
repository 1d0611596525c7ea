// Draws a QR code: dark on white, whole modules in whole device pixels, a quiet zone of four.

import { correction, generate } from "../../vendor/lean-qr/index.mjs";

const QUIET = 4;
const INK = "#10201e";

// `room`: the most CSS pixels a side. Returns how many modules a side the code has.
export function drawCode(canvas, text, room) {
  const code = generate(text, { minCorrectionLevel: correction.M });
  const ratio = globalThis.devicePixelRatio || 1;
  const modules = code.size + 2 * QUIET;
  const scale = Math.max(1, Math.floor((room * ratio) / modules));
  canvas.width = canvas.height = modules * scale;
  canvas.style.width = canvas.style.height = `${(modules * scale) / ratio}px`;
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = INK;
  for (let y = 0; y < code.size; y += 1) {
    for (let x = 0; x < code.size; x += 1) {
      if (code.get(x, y)) context.fillRect((x + QUIET) * scale, (y + QUIET) * scale, scale, scale);
    }
  }
  return code.size;
}
