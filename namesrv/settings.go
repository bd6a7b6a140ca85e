package namesrv

import (
	"errors"

	"ringmq/internal/config"
	"ringmq/internal/statefile"
	"ringmq/internal/wire"
)

// putKV serves 100.
func (s *Server) putKV(r *request) reply {
	var h wire.PutKvConfigRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	if err := s.kv.Put(h.Namespace, h.Key, h.Value); err != nil {
		return invalid(err)
	}
	s.log.Info("KV configuration set", "namespace", h.Namespace, "key", h.Key, "value", h.Value)
	return ok(nil, nil)
}

// getKV serves 101.
func (s *Server) getKV(r *request) reply {
	var h wire.GetKvConfigRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	value, has := s.kv.Get(h.Namespace, h.Key)
	if !has {
		remark := "No config item, Namespace: " + h.Namespace + " Key: " + h.Key
		return reply{status: wire.StatusQueryNotFound, remark: remark, header: &wire.GetKvConfigResponse{}}
	}
	return ok(&wire.GetKvConfigResponse{Value: value}, nil)
}

// deleteKV serves 102.
func (s *Server) deleteKV(r *request) reply {
	var h wire.DeleteKvConfigRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	if err := s.kv.Delete(h.Namespace, h.Key); err != nil {
		return invalid(err)
	}
	s.log.Info("KV configuration deleted", "namespace", h.Namespace, "key", h.Key)
	return ok(nil, nil)
}

// listKV serves 219.
func (s *Server) listKV(r *request) reply {
	var h wire.GetKvlistByNamespaceRequest
	if err := h.Decode(r.cmd.Ext); err != nil {
		return invalid(err)
	}
	keys, has := s.kv.Namespace(h.Namespace)
	if !has {
		return failed(wire.StatusQueryNotFound, "No config item, Namespace: "+h.Namespace)
	}
	return okJSON(&wire.KVTable{Table: keys})
}

// getConfig serves 319.
func (s *Server) getConfig(*request) reply { return ok(nil, []byte(s.config.Load().Text())) }

// updateConfig serves 318. The options take effect, and are answered, after they are on disk.
func (s *Server) updateConfig(r *request) reply {
	if r.cmd.Body == nil {
		return ok(nil, nil)
	}
	changes, err := config.ParseProperties(r.cmd.Body)
	if err != nil {
		return failed(wire.StatusSystemError, "string2Properties error: "+err.Error())
	}
	s.configMu.Lock()
	defer s.configMu.Unlock()
	next, known, err := s.config.Load().With(changes)
	if forbidden := (*config.ForbiddenError)(nil); errors.As(err, &forbidden) {
		s.log.Warn("change of options refused", "cause", err)
		return failed(wire.StatusNoPermission, "Can not update config in black list.")
	}
	if err != nil {
		return invalid(err)
	}
	path := next.Namesrv.ConfigStorePath
	if err := statefile.Write(path, []byte(next.Persisted())); err != nil {
		return invalid(err)
	}
	s.config.Store(next)
	s.log.Info("options changed", "keys", known, "file", path)
	return ok(nil, nil)
}
