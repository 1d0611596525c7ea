// The signed documents that a page relies on while the server is away: bundle, status lists, the programme, the server's
// time. What devices/documents.py does for the agent. Nothing older than what was seen is ever taken.

/**
 * @typedef {object} State What may be relied on at one instant; hand it to `judge` as `documents`.
 * @property {boolean} usable whether anything can be judged at all
 * @property {null|"no-root"|"no-bundle"|"bundle-expired"|"no-programme"|"programme-changed"|"clock-back"} problem why not
 * @property {object|null} trust `{issuer, audience, version, keys, lists}`
 * @property {object|null} programme the answer of GET /v1/programme
 * @property {Map<number, object>} dictionaries for `wire.read`; usable even where `usable` is false
 * @property {"fresh"|"stale"|"expired"} freshness the worst of the status lists: expired where one is missing
 * @property {{bundle: number|null, lists: number|null, time: number|null, refresh: number|null}} ages seconds: of the
 *   bundle, of the oldest status list (both since they were signed), of the newest signed server time, and since
 *   everything was last fetched and held
 * @property {{bundle: number|null, lists: number|null}} ends milliseconds: when bundle and first status list expire
 * @property {"believed"|"unsure"|"back"} clock `unsure`: the last signed time is more than 24 h old or missing, so that
 *   the server will doubt records; `back`: this clock is behind a time the server signed
 * @property {string|null} serverTime the newest signed time, as its text, for `server_time` of records
 */

export class Documents {
  /**
   * @param {object} given
   * @param {{get(key: string): Promise<any>, put(key: string, value: any): Promise<void>}} given.store keys begin `offline-`
   * @param {(path: string) => Promise<string>} given.fetchText the body of a GET of the own server; throws when it is away
   * @param {string|null} given.root thumbprint told at enrolment (`root` of POST /v1/devices/enrolments)
   */
  constructor({ store, fetchText, root }) {
    Object.assign(this, { store, fetchText, root });
  }

  /**
   * Fetches everything anew and keeps what verifies.
   * @returns {Promise<{ok: boolean, away: boolean, problem: string|null}>} `away`: the server did not answer. `problem`: the reason why
   *   a document was not taken (`rolled-back`, `unknown-root`, `bad-signature`, …); what was held stays in force.
   */
  async refresh(nowMs) {
    throw new Error(`not written yet: ${nowMs}`);
  }

  /** Keeps a time that the server signed (`time` of an upload's answer); what does not hold or is older changes nothing. */
  async keepTime(text, nowMs) {
    throw new Error(`not written yet: ${text} ${nowMs}`);
  }

  /** Reads what is kept. @returns {Promise<State>} */
  async state(nowMs) {
    throw new Error(`not written yet: ${nowMs}`);
  }
}
