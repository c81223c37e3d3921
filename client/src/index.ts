// What the package gives: one function, one kind of error, and the types of both.

export { createClient } from './client.js';
export { WxgateError } from './error.js';
export type { Action, ClientCode, Code, GatewayCode } from './error.js';
export type {
  Adapter,
  Answer,
  Client,
  ClientOptions,
  DownloadAnswer,
  DownloadOptions,
  Headers,
  Phone,
  PhoneDetail,
  PhoneEvent,
  ProfileData,
  RequestOptions,
  SocketOptions,
  SocketTask,
  UploadAnswer,
  UploadOptions,
} from './types.js';
