// The scripts that this page may start beside itself: the decoder and the service worker, and no other address.

const MAY = new Set(["/static/js/counter/decoder.js", "/sw.js"]);

const policy = globalThis.trustedTypes?.createPolicy("yunju", {
  createScriptURL: (url) => {
    if (!MAY.has(url)) throw new TypeError("not a script of this page");
    return url;
  },
}) ?? { createScriptURL: (url) => url };

export const scriptUrl = (url) => policy.createScriptURL(url);
