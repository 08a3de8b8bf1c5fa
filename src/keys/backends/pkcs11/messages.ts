import type { JsonObject } from '../../../oauth/index.ts';
import type { SigningAlg } from '../../key-ring.ts';
import type { TokenOptions } from './token.ts';

/** What the server asks the process that hosts the module. */
export type HostCall =
  | { readonly method: 'open'; readonly options: TokenOptions }
  | { readonly method: 'create'; readonly alg: SigningAlg; readonly label: string }
  | { readonly method: 'find'; readonly keyId: string }
  | { readonly method: 'sign'; readonly keyId: string; readonly alg: SigningAlg; readonly input: Uint8Array }
  | { readonly method: 'destroy'; readonly keyId: string };

/** What each call is answered. */
export interface HostResults {
  readonly open: undefined;
  readonly create: { readonly id: string; readonly publicJwk: JsonObject };
  readonly find: undefined;
  readonly sign: Uint8Array;
  readonly destroy: undefined;
}

export type HostRequest = HostCall & { readonly id: number };

/** `reason`: one of `TokenError`, the name of a CKR_ code, or `module_not_installed`. */
export type HostAnswer =
  | { readonly id: number; readonly result: HostResults[HostCall['method']] }
  | { readonly id: number; readonly reason: string };
