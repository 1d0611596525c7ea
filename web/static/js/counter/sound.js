// A short sound and a vibration with each outcome. Never the only sign of it; silent where the browser will not.

const TONES = { ok: [880, 1320], no: [220, 165], amber: [520, 520], check: [660] };
const SHAKES = { ok: [60], no: [200, 80, 200], amber: [120, 60, 120], check: [60] };

let audio = null;

// Browsers let a page sound only after a person has touched it.
export function allowSound() {
  audio ??= new AudioContext();
  audio.resume().catch(() => null);
}

export function sound(kind) {
  navigator.vibrate?.(SHAKES[kind]);
  if (audio?.state !== "running") return;
  TONES[kind].forEach((frequency, index) => {
    const start = audio.currentTime + index * 0.14;
    const tone = audio.createOscillator();
    const level = audio.createGain();
    tone.frequency.value = frequency;
    level.gain.setValueAtTime(0.2, start);
    level.gain.exponentialRampToValueAtTime(0.001, start + 0.13);
    tone.connect(level).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.14);
  });
}
