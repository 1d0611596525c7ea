// ESLint over the pages' scripts: what is wrong in any program, no taste. Run by `make lint`.

import js from "@eslint/js";

const BROWSER = [
  "AbortSignal", "AudioContext", "Blob", "CustomEvent", "DOMException", "Event", "EventSource", "FileReader", "IDBKeyRange", "Intl",
  "AbortController", "CSS", "CryptoKey", "MediaStreamTrack", "Option", "TextDecoderStream", "getComputedStyle", "NDEFReader", "PublicKeyCredential", "Response", "TextDecoder", "TextEncoder", "URL", "URLSearchParams", "Worker",
  "DecompressionStream", "addEventListener", "atob", "btoa", "caches", "clearInterval", "clearTimeout", "console", "crypto",
  "document", "fetch", "history", "indexedDB", "localStorage", "location", "matchMedia", "navigator", "performance",
  "queueMicrotask", "removeEventListener", "requestAnimationFrame", "scrollTo", "sessionStorage", "setInterval", "setTimeout",
  "structuredClone", "window", "globalThis", "print", "Image", "HTMLElement", "FormData", "Headers", "Request", "isSecureContext", "XMLHttpRequest",
];
const WORKER = ["self", "importScripts", "ZXingWASM", "clients", "skipWaiting"];
const known = (names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

export default [
  { ignores: ["web/static/vendor/**", "node_modules/**", "build/**", "var/**", ".venv/**"] },
  {
    files: ["web/static/js/**/*.js"],
    ...js.configs.recommended,
    languageOptions: { ecmaVersion: 2025, sourceType: "module", globals: known(BROWSER) },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      ...js.configs.recommended.rules,
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["web/static/js/sw.js", "web/static/js/counter/decoder.js"],
    languageOptions: { sourceType: "script", globals: known([...BROWSER, ...WORKER]) },
  },
];
