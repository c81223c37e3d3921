// The one kind of error, and the words that it is known by.

/** What the mini-program should do. Program against this one. */
export type Action = 'login' | 'login_then_tap' | 'tap_again' | 'phone' | 'wait' | 'retry' | 'fix' | 'stop';

/** What happened, in the gateway's words. */
export type GatewayCode =
  | 'bad_request' | 'damaged_data' | 'phone_code_rejected'
  | 'session_missing' | 'session_expired' | 'code_rejected' | 'code_used'
  | 'phone_required' | 'user_blocked' | 'route_denied' | 'no_route' | 'unknown_host'
  | 'method_not_allowed' | 'body_too_large' | 'uri_too_long' | 'not_json' | 'head_too_large' | 'request_timeout'
  | 'session_key_stale' | 'data_expired' | 'wrong_app' | 'wrong_signature'
  | 'rate_limited' | 'internal' | 'misconfigured' | 'wechat_failed' | 'upstream_failed'
  | 'store_unavailable' | 'no_upstream' | 'overloaded' | 'wechat_timeout' | 'upstream_timeout' | 'quota_exhausted';

/** What happened on the phone, before anybody was asked or instead of an answer. */
export type ClientCode =
  | 'phone_refused' | 'privacy_not_agreed' | 'privacy_not_declared' | 'phone_quota_exhausted' | 'phone_not_permitted'
  | 'tap_failed' | 'login_failed' | 'network_failed' | 'domain_not_listed' | 'unexpected_answer'
  | 'no_adapter' | 'bad_base_url' | 'client_failed';

/** Open at the end: a gateway newer than this package may say more. */
export type Code = GatewayCode | ClientCode | (string & {});

/** What is known of an error besides its code. */
interface More {
  action?: Action;
  status?: number;
  requestId?: string;
  retryAfter?: number;
  detail?: string;
}

/** Everything that a client rejects with. `message` is for the person who holds the phone. */
export class WxgateError extends Error {
  readonly code: Code;
  readonly action: Action;
  /** The answer's status, where there was an answer. */
  readonly status?: number;
  /** What to look for in the gateway's log, where there was an answer. */
  readonly requestId?: string;
  /** Seconds until the next try makes sense, where the gateway said so. */
  readonly retryAfter?: number;
  /** What the gateway or the platform said, for developers. */
  readonly detail?: string;
  /** The same, under the name that `wx` gives it. */
  readonly errMsg: string;

  constructor(code: Code, { action, status, requestId, retryAfter, detail }: More = {}) {
    super(detail);
    this.name = 'WxgateError';
    this.code = code;
    this.action = action || ACTIONS[code as ClientCode] || 'stop';
    this.status = status;
    this.requestId = requestId;
    this.retryAfter = retryAfter;
    this.detail = detail;
    this.errMsg = detail || code;
  }
}

/** What to do then. `fix` is for those who made the mini-program. */
const ACTIONS: Record<ClientCode, Action> = {
  phone_refused: 'tap_again',
  privacy_not_agreed: 'tap_again',
  privacy_not_declared: 'fix',
  phone_quota_exhausted: 'stop',
  phone_not_permitted: 'stop',
  tap_failed: 'tap_again',
  login_failed: 'retry',
  network_failed: 'retry',
  domain_not_listed: 'fix',
  unexpected_answer: 'retry',
  no_adapter: 'fix',
  bad_base_url: 'fix',
  client_failed: 'fix',
};
