// The interface: what goes into a client and what comes out, in the shapes that `wx` has given them.

/**
 * `wx`, or anything shaped like it: `uni`, `Taro`, a `wx` of your tests.
 * Each of them types its options in a way of its own, so what goes in is `any` here.
 */
export interface Adapter {
  request(options: any): unknown;
  uploadFile(options: any): unknown;
  downloadFile(options: any): unknown;
  connectSocket(options: any): unknown;
  login(options: any): unknown;
  checkSession?(options: any): unknown;
  getStorageSync(key: string): any;
  setStorageSync(key: string, data: any): void;
  getFileSystemManager?(): any;
}

export interface ClientOptions {
  /** Where the gateway is: `https://api.example.com`. What it is asked with a relative `url` goes below. */
  baseUrl: string;
  /** What stands for WeChat; without it, the global `wx` at the time of the first call. */
  adapter?: Adapter;
  /** For a gateway that serves several apps: which one this is. */
  appid?: string;
  /** Where the gateway's own endpoints are (its `endpoints.prefix`): `/wxgate`. */
  prefix?: string;
  /** The header of the credential (the gateway's `session.header`): `Authorization`. */
  header?: string;
  /** The language of the errors' messages, in any of WeChat's spellings (`zh_CN`, `en`): `zh`. */
  language?: string;
}

/** The mini-program's side of the gateway. Make one, and let every page use it. */
export interface Client {
  /** `wx.request` with the credential. As with `wx`, any status of your service is an answer. */
  request<T = any>(options: RequestOptions<T>): Promise<Answer<T>>;
  /** `wx.uploadFile` with the credential. */
  uploadFile(options: UploadOptions): Promise<UploadAnswer>;
  /** `wx.downloadFile` with the credential. */
  downloadFile(options: DownloadOptions): Promise<DownloadAnswer>;
  /** `wx.connectSocket` with the credential; an `http` address becomes a `ws` one. */
  connectSocket<Task = SocketTask>(options: SocketOptions): Promise<Task>;
  /**
   * The verified number of a tap: the event of `bindgetphonenumber` or `bindgetrealtimephonenumber`.
   * Never calls `wx.login` before the gateway has answered, for that could replace the key of this tap's data.
   */
  phone(event: PhoneEvent): Promise<Phone>;
  /** The verified profile in what `wx.getUserProfile` or `wx.getUserInfo` gave. */
  profile<T = Record<string, any>>(data: ProfileData): Promise<T>;
}

export type Headers = Record<string, any>;

/** `wx`'s own callbacks. They may be given: each is called once, when the promise is settled. */
export interface Callbacks<T> {
  success?(answer: T): unknown;
  /** Gets a `WxgateError`, which has an `errMsg` too; `any`, so that what was written for `wx` fits. */
  fail?(error: any): unknown;
  complete?(outcome: any): unknown;
}

/**
 * What all calls take: a `url`, relative or absolute, and `wx`'s options. What your platform has besides goes in by
 * `{ url, ...more }`: listing them is what makes `headers` for `header` an error.
 */
export interface Options<T> extends Callbacks<T> {
  url: string;
  /** The credential is added, and takes the place of what stands under its name. */
  header?: Headers;
  /** Milliseconds; WeChat's default is 60,000. */
  timeout?: number;
  enableHttp2?: boolean;
  enableProfile?: boolean;
  enableQuic?: boolean;
}

export interface RequestOptions<T = any> extends Options<Answer<T>> {
  /** `wx` has no PATCH. */
  method?: 'OPTIONS' | 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'TRACE' | 'CONNECT';
  data?: string | object | ArrayBuffer;
  dataType?: string;
  responseType?: 'text' | 'arraybuffer';
  /** From base library 3.2.2 on. */
  redirect?: 'follow' | 'manual';
  enableCache?: boolean;
  enableChunked?: boolean;
  enableHttpDNS?: boolean;
  enableHttpDNSFallback?: boolean;
  forceCellularNetwork?: boolean;
  httpDNSServiceId?: string;
  httpDNSTimeout?: number;
  useHighPerformanceMode?: boolean;
}

export interface UploadOptions extends Options<UploadAnswer> {
  filePath: string;
  name: string;
  formData?: Record<string, any>;
}

export interface DownloadOptions extends Options<DownloadAnswer> {
  filePath?: string;
}

export interface SocketOptions extends Callbacks<any> {
  url: string;
  header?: Headers;
  timeout?: number;
  protocols?: string[];
  tcpNoDelay?: boolean;
  perMessageDeflate?: boolean;
  forceCellularNetwork?: boolean;
}

export interface Answer<T = any> {
  data: T;
  statusCode: number;
  header: Headers;
  cookies?: string[];
  errMsg: string;
}

export interface UploadAnswer {
  data: string;
  statusCode: number;
  /** Where the platform tells it. */
  header?: Headers;
  errMsg: string;
}

export interface DownloadAnswer {
  tempFilePath: string;
  filePath?: string;
  statusCode: number;
  /** Where the platform tells it. */
  header?: Headers;
  errMsg: string;
}

/** What all platforms' sockets have. For your platform's own: `connectSocket<WechatMiniprogram.SocketTask>(…)`. */
export interface SocketTask {
  send(options: { data: string | ArrayBuffer; [option: string]: any }): void;
  close(options?: { code?: number; reason?: string; [option: string]: any }): void;
  onOpen(listener: (result: any) => void): void;
  onMessage(listener: (result: { data: string | ArrayBuffer }) => void): void;
  onError(listener: (result: any) => void): void;
  onClose(listener: (result: any) => void): void;
}

/** What the phone button gives: the event, or in mini-games the result itself. */
export type PhoneEvent = { detail: PhoneDetail } | PhoneDetail;

export interface PhoneDetail {
  errMsg?: string;
  errno?: number;
  code?: string;
  encryptedData?: string;
  iv?: string;
}

export interface Phone {
  /** With the country code where it is not +86. */
  phoneNumber: string;
  purePhoneNumber: string;
  countryCode: string;
}

/** The fields that prove a profile: the first two, the last two, or all. */
export interface ProfileData {
  errMsg?: string;
  rawData?: string;
  signature?: string;
  encryptedData?: string;
  iv?: string;
}
