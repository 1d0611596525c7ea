// A classic worker: looks for QR codes in each frame it is handed, and answers with their texts; or, once, that its
// decoder could not be loaded.

const FOLDER = "/static/vendor/zxing-wasm/";
const OPTIONS = { formats: ["QRCode"], maxNumberOfSymbols: 4, tryHarder: true, tryInvert: true, tryRotate: true };

const policy = self.trustedTypes?.createPolicy("yunju", {
  createScriptURL: (url) => {
    if (url !== `${FOLDER}index.js`) throw new TypeError("not a script of this worker");
    return url;
  },
}) ?? { createScriptURL: (url) => url };

let ready;
try {
  importScripts(policy.createScriptURL(`${FOLDER}index.js`));
  // Without this it would be fetched from elsewhere.
  ready = ZXingWASM.prepareZXingModule({ overrides: { locateFile: (path) => FOLDER + path }, fireImmediately: true });
} catch (error) {
  ready = Promise.reject(error);
}
ready.catch(() => self.postMessage({ failed: true }));

self.addEventListener("message", async (event) => {
  const found = await ZXingWASM.readBarcodes(event.data, OPTIONS).catch(() => []);
  self.postMessage({ texts: found.filter((code) => code.isValid).map(({ text }) => text) });
});
