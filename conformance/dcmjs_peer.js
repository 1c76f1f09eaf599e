// dcmjs-dimse as a peer: node dcmjs_peer.js FOLDER-OF-THE-PACKAGE JSON
// Asks one thing (echo, store, find, move, get, create) and prints what it heard, or serves.
'use strict';
const fs = require('fs');
const path = require('path');

const d = require(process.argv[2]);
const job = JSON.parse(process.argv[3]);
const { Status, PresentationContextResult, SopClass, StorageClass } = d.constants;
const { CEchoRequest, CFindRequest, CStoreRequest, CMoveRequest, CGetRequest, NCreateRequest } =
  d.requests;
const { CEchoResponse, CFindResponse, CStoreResponse, CMoveResponse } = d.responses;
const SYNTAXES = ['1.2.840.10008.1.2.1', '1.2.840.10008.1.2'];
d.log.level = 'silent';

const UNIQUE = { STUDY: 'StudyInstanceUID', SERIES: 'SeriesInstanceUID', IMAGE: 'SOPInstanceUID' };

function request() {
  const keys = job.keys || {};
  switch (job.do) {
    case 'echo':
      return [new CEchoRequest()];
    case 'store':
      return job.files.map((file) => new CStoreRequest(file));
    case 'find': {
      const make = { STUDY: 'Study', SERIES: 'Series', IMAGE: 'Image' }[job.level];
      return [CFindRequest[`create${make}FindRequest`](keys)];
    }
    case 'move':
      return [CMoveRequest.createStudyMoveRequest(job.destination, job.study)];
    case 'create': {
      const create = new NCreateRequest(job.sopClass, d.Dataset.generateDerivedUid());
      create.setDataset(new d.Dataset(keys));
      return [create];
    }
    case 'get':
      return [CGetRequest.createStudyGetRequest(job.study)];
    default:
      throw new Error(job.do);
  }
}

function ask() {
  const heard = { statuses: [], answers: [], objects: [], completed: null, failed: null, error: null };
  const client = new d.Client();
  request().forEach((each) => {
    each.on('response', (response) => {
      heard.statuses.push(response.getStatus());
      if (job.do === 'find' && response.hasDataset()) {
        heard.answers.push(response.getDataset().getElements());
      }
      if (job.do === 'move' || job.do === 'get') {
        heard.completed = response.getCompleted();
        heard.failed = response.getFailures();
      }
    });
    client.addRequest(each);
  });
  client.on('cStoreRequest', (store, callback) => {
    heard.objects.push(store.getAffectedSopInstanceUid());
    const response = CStoreResponse.fromRequest(store);
    response.setStatus(Status.Success);
    callback(response);
  });
  const end = (error) => {
    heard.error = error ? String(error.message || error) : heard.error;
    process.stdout.write(`${JSON.stringify(heard)}\n`, () => process.exit(0));
  };
  client.on('networkError', end);
  client.on('associationRejected', (rejected) =>
    end(`rejected ${rejected.result} ${rejected.source} ${rejected.reason}`)
  );
  client.on('closed', () => end());
  const options = { associationLingerTimeout: 0 };
  if (job.tls) {
    options.securityOptions = {
      key: fs.readFileSync(job.tls.key),
      cert: fs.readFileSync(job.tls.cert),
      ca: fs.readFileSync(job.tls.ca),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: job.tls.version,
      maxVersion: job.tls.version,
    };
  }
  client.send(job.host, job.port, job.calling, job.called, options);
}

// An archive in memory, and on the disk as far as it must be sent again.
const held = new Map();

function matching(wanted) {
  return [...held.values()].filter((each) =>
    ['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID', 'AccessionNumber'].every(
      (key) => !wanted[key] || [].concat(wanted[key]).includes(each.elements[key])
    )
  );
}

class Archive extends d.Scp {
  associationRequested(association) {
    this.association = association;
    association.getPresentationContexts().forEach(({ id }) => {
      const context = association.getPresentationContext(id);
      const uid = context.getAbstractSyntaxUid();
      const known = [...Object.values(SopClass), ...Object.values(StorageClass)].includes(uid);
      const syntax = SYNTAXES.find((each) => context.hasTransferSyntaxUid(each));
      if (known && syntax) {
        context.setResult(PresentationContextResult.Accept, syntax);
      } else {
        context.setResult(
          known
            ? PresentationContextResult.RejectTransferSyntaxesNotSupported
            : PresentationContextResult.RejectAbstractSyntaxNotSupported
        );
      }
    });
    this.sendAssociationAccept();
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }

  cEchoRequest(asked, callback) {
    const response = CEchoResponse.fromRequest(asked);
    response.setStatus(Status.Success);
    callback(response);
  }

  cStoreRequest(asked, callback) {
    const elements = asked.getDataset().getElements();
    const file = path.join(job.folder, `${held.size}.dcm`);
    asked.getDataset().toFile(file);
    held.set(elements.SOPInstanceUID, { elements, file });
    const response = CStoreResponse.fromRequest(asked);
    response.setStatus(Status.Success);
    callback(response);
  }

  cFindRequest(asked, callback) {
    const wanted = asked.getDataset().getElements();
    const unique = UNIQUE[wanted.QueryRetrieveLevel];
    const found = new Map(matching(wanted).map((each) => [each.elements[unique], each.elements]));
    const responses = [...found.values()].map((elements) => {
      const answer = { QueryRetrieveLevel: wanted.QueryRetrieveLevel };
      Object.keys(wanted).forEach((key) => {
        if (!key.startsWith('_') && elements[key] !== undefined) answer[key] = elements[key];
      });
      answer[unique] = elements[unique];
      const response = CFindResponse.fromRequest(asked);
      response.setDataset(new d.Dataset(answer));
      response.setStatus(Status.Pending);
      return response;
    });
    const last = CFindResponse.fromRequest(asked);
    last.setStatus(Status.Success);
    callback([...responses, last]);
  }

  cMoveRequest(asked, callback) {
    const found = matching(asked.getDataset().getElements());
    const last = CMoveResponse.fromRequest(asked);
    const counts = { taken: 0, refused: 0 };
    const client = new d.Client();
    found.forEach((each) => {
      const store = new CStoreRequest(each.file);
      store.on('response', (response) => {
        counts[response.getStatus() === Status.Success ? 'taken' : 'refused'] += 1;
      });
      client.addRequest(store);
    });
    client.on('networkError', () => {});
    client.on('closed', () => {
      last.setCompleted(counts.taken);
      last.setFailures(found.length - counts.taken);
      last.setStatus(counts.taken === found.length ? Status.Success : 0xb000);
      callback([last]);
    });
    client.send(job.host, job.node, job.title, job.called);
  }
}

if (job.do === 'serve') {
  const server = new d.Server(Archive);
  server.on('networkError', () => {});
  server.listen(job.port);
} else {
  ask();
}
