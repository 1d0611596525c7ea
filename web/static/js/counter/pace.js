// How long a visitor waits: from the camera's frame that holds a code to what the screen says of it. Measured on the
// tablet (performance entry `yunju-verdict`), never sent anywhere.

const FRAME = "yunju-frame";
const VERDICT = "yunju-verdict";

export function frameTaken(at) {
  performance.clearMarks(FRAME);
  performance.mark(FRAME, { startTime: at });
}

export function verdictShown() {
  if (!performance.getEntriesByName(FRAME).length) return;
  performance.clearMeasures(VERDICT);
  performance.measure(VERDICT, FRAME);
  performance.clearMarks(FRAME);
}
