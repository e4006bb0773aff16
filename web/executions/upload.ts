// From an image on this machine to an analysis: check its first bytes, create an upload, send all of them, start. Knows the form in the
// document.
import { beginsAsAccepted, FORMAT_BYTES, noImageSentence } from '../../pipeline/imaging/formats.ts';
import { byId } from '../shared/element.ts';
import * as read from '../shared/read.ts';
import { callTool, pathOf } from '../shared/server-requests.ts';

const readUpload = read.fields({ upload_id: read.text, url: read.text });
const readStarted = read.fields({ execution_id: read.text });

/** The server has still to check what it got. */
const SENT_BEFORE_ANSWER = 0.99;

/** Uploads and analyzes a file that is chosen, or dropped anywhere on the page, and then opens the page of its execution. */
export function acceptUploads(): void {
  const form = byId('upload', HTMLFormElement);
  const zone = byId('drop', HTMLElement);
  const chosen = byId('image', HTMLInputElement);
  const lookFor = byId('look-for', HTMLInputElement);
  const state = byId('upload-state', HTMLElement);
  const [sending, bar] = [byId('sending', HTMLElement), byId('sent', HTMLProgressElement)];
  const stop = byId('stop-upload', HTMLButtonElement);
  let busy = false;
  let progress = '';
  /** Why a file that came during an upload was not accepted. */
  let refusal = '';

  const report = (sentence: string, failed = false) => {
    state.textContent = sentence;
    state.classList.toggle('warning', failed);
  };
  const accept = async (files: FileList | null | undefined) => {
    const file = files?.[0];
    if (!files || !file) return;
    if (busy) {
      refusal = ` ${file.name} was not accepted: wait until this upload has ended, or cancel it.`;
      report(progress + refusal);
      return;
    }
    if (files.length > 1) {
      report(`You chose ${files.length} files. Analyze one image at a time.`, true);
      return;
    }
    const stopped = new AbortController();
    stop.onclick = () => stopped.abort();
    [busy, refusal] = [true, ''];
    [sending.hidden, stop.hidden] = [false, false];
    const onSent = (share: number) => {
      bar.value = share;
      stop.hidden = share === 1;
      progress = share < 1 ? `Uploading ${file.name}: ${Math.floor(share * 100)}%.` : `Starting the analysis of ${file.name} …`;
      report(progress + refusal);
    };
    try {
      await analyze(file, lookFor.value.trim(), onSent, stopped.signal);
    } catch (error) {
      if (stopped.signal.aborted) report(`The upload of ${file.name} was cancelled.`);
      else report(error instanceof Error ? error.message : String(error), true);
    } finally {
      busy = false;
      sending.hidden = true;
      chosen.value = ''; // so that the same file can be chosen again
    }
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    chosen.click();
  });
  chosen.addEventListener('change', () => void accept(chosen.files));
  // Without these the browser would leave the page and show the file.
  addEventListener('dragover', (event) => {
    event.preventDefault();
    zone.classList.add('over');
  });
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) zone.classList.remove('over');
  });
  addEventListener('drop', (event) => {
    event.preventDefault();
    zone.classList.remove('over');
    void accept(event.dataTransfer?.files);
  });
}

type OnSent = (share: number) => void;

async function analyze(file: File, lookFor: string, onSent: OnSent, signal: AbortSignal): Promise<void> {
  if (file.size === 0) throw new Error(`${file.name} is empty or a folder. Choose an image file.`);
  const start = await startOf(file);
  if (!beginsAsAccepted(start)) throw new Error(`${file.name} was not uploaded. ${noImageSentence(start)}`);
  onSent(0);
  const { upload_id, url } = await callTool('create_upload', { file_name: file.name.slice(-200), bytes: file.size }, readUpload);
  await send(file, pathOf(url), onSent, signal);
  onSent(1);
  const request = lookFor === '' ? { image: upload_id } : { image: upload_id, look_for: lookFor };
  const { execution_id } = await callTool('analyze_image', request, readStarted);
  location.assign(`/executions/${execution_id}`);
}

/** The first bytes, each as one character. */
async function startOf(file: File): Promise<string> {
  const bytes = await file
    .slice(0, FORMAT_BYTES)
    .arrayBuffer()
    .catch(() => null);
  if (bytes === null)
    throw new Error(`${file.name} cannot be read: it is a folder, or it was moved or changed. Choose an image file.`);
  return String.fromCharCode(...new Uint8Array(bytes));
}

/** XMLHttpRequest, because fetch does not report how much of a body has been sent. */
function send(file: File, path: string, onSent: OnSent, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const request = new XMLHttpRequest();
  request.upload.addEventListener('progress', ({ loaded }) => onSent(Math.min(SENT_BEFORE_ANSWER, loaded / file.size)));
  request.addEventListener('load', () => {
    if (request.status < 300) resolve();
    else reject(new Error(request.responseText.trim() || `The server refused the file (HTTP ${request.status}).`));
  });
  request.addEventListener('error', () =>
    reject(new Error('The upload stopped because the connection was lost. Check that the server is running, then try again.')),
  );
  request.addEventListener('abort', () => reject(signal.reason));
  signal.addEventListener('abort', () => request.abort());
  if (signal.aborted) reject(signal.reason);
  else {
    request.open('PUT', path);
    request.send(file);
  }
  return promise;
}
