// A classic worker: looks for one QR code in each frame it is handed, and answers with its text or null.

const FOLDER = "/static/vendor/zxing-wasm/";
const OPTIONS = { formats: ["QRCode"], maxNumberOfSymbols: 1, tryHarder: true, tryInvert: true, tryRotate: true };

const policy = self.trustedTypes?.createPolicy("yunju", {
  createScriptURL: (url) => {
    if (url !== `${FOLDER}index.js`) throw new TypeError("not a script of this worker");
    return url;
  },
}) ?? { createScriptURL: (url) => url };

importScripts(policy.createScriptURL(`${FOLDER}index.js`));

// Without this it would be fetched from elsewhere.
ZXingWASM.prepareZXingModule({ overrides: { locateFile: (path) => FOLDER + path }, fireImmediately: true });

self.addEventListener("message", async (event) => {
  const found = await ZXingWASM.readBarcodes(event.data, OPTIONS).catch(() => []);
  self.postMessage({ text: found.find((code) => code.isValid)?.text ?? null });
});
