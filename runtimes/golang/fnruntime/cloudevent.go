package fnruntime

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nuclio/nuclio-sdk-go"
)

// cloudEvent is an event that carries a CloudEvent 0.1, as nuclio maps it.
type cloudEvent struct {
	*event
	version, kind, kindVersion string
	time                       time.Time
	structured                 *structure // nil: the facts are headers
}

// structure is the body of a structured CloudEvent.
type structure struct {
	ID          string          `json:"eventID"`
	Type        string          `json:"eventType"`
	TypeVersion string          `json:"eventTypeVersion"`
	Version     string          `json:"cloudEventsVersion"`
	Source      string          `json:"source"`
	Time        string          `json:"eventTime"`
	ContentType string          `json:"contentType"`
	Extensions  map[string]any  `json:"extensions"`
	Data        json.RawMessage `json:"data"`
}

// seen is what the handler gets for an event: itself, or the CloudEvent in it.
func (e *event) seen() nuclio.Event {
	structured := false
	e.with(partID).with(partLine).with(partHeaders).with(partBody)
	for i := range e.headers {
		switch e.headers[i].name {
		case "Ce-Cloudeventsversion":
			return newBinary(e)
		case "Content-Type":
			structured = strings.HasPrefix(e.headers[i].value, "application/cloudevents")
		}
	}
	if structured {
		return newStructured(e)
	}
	return e
}

func newBinary(e *event) nuclio.Event {
	c := &cloudEvent{
		event:       e,
		version:     e.GetHeaderString("Ce-Cloudeventsversion"),
		kind:        e.GetHeaderString("Ce-Eventtype"),
		kindVersion: e.GetHeaderString("Ce-Eventtypeversion"),
	}
	c.setTime(e.GetHeaderString("Ce-Eventtime"))
	if id := e.GetHeaderString("Ce-Eventid"); id != "" {
		e.SetID(nuclio.ID(id))
	}
	e.trigger = trigger{e.GetHeaderString("Ce-Source"), e.GetHeaderString("Ce-Name")}
	return c
}

// newStructured leaves an event whose body is no such object as it is.
func newStructured(e *event) nuclio.Event {
	s := &structure{}
	if err := json.Unmarshal(e.body, s); err != nil {
		return e
	}
	c := &cloudEvent{
		event:       e,
		version:     s.Version,
		kind:        s.Type,
		kindVersion: s.TypeVersion,
		structured:  s,
	}
	c.setTime(s.Time)
	if s.ID != "" {
		e.SetID(nuclio.ID(s.ID))
	}
	e.trigger = trigger{s.Source, s.Source}
	e.body = s.Data
	var data string
	if json.Unmarshal(s.Data, &data) == nil {
		e.body = []byte(data)
	}
	return c
}

func (c *cloudEvent) setTime(text string) {
	c.time = c.event.GetTimestamp()
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		c.time = t.UTC()
	}
}

func (c *cloudEvent) GetType() string         { return c.kind }
func (c *cloudEvent) GetTypeVersion() string  { return c.kindVersion }
func (c *cloudEvent) GetVersion() string      { return c.version }
func (c *cloudEvent) GetTimestamp() time.Time { return c.time }

func (c *cloudEvent) GetContentType() string {
	if c.structured == nil {
		return c.event.GetContentType()
	}
	return c.structured.ContentType
}

// GetBodyObject is the data as an object when it is one, else the body.
func (c *cloudEvent) GetBodyObject() any {
	object := map[string]any{}
	if c.structured != nil && json.Unmarshal(c.structured.Data, &object) == nil {
		return object
	}
	return c.event.GetBody()
}

func (c *cloudEvent) GetHeaders() map[string]any {
	if c.structured == nil {
		return c.event.GetHeaders()
	}
	return c.structured.Extensions
}

func (c *cloudEvent) GetHeader(name string) any {
	if c.structured == nil {
		return c.event.GetHeader(name)
	}
	return c.GetHeaderByteSlice(name)
}

// extension is the value of a header in a structured event, as text.
func (c *cloudEvent) extension(name string) string {
	for key, value := range c.structured.Extensions {
		if strings.EqualFold(key, name) {
			return fmt.Sprint(value)
		}
	}
	return ""
}

func (c *cloudEvent) GetHeaderString(name string) string {
	if c.structured == nil {
		return c.event.GetHeaderString(name)
	}
	return c.extension(name)
}

func (c *cloudEvent) GetHeaderByteSlice(name string) []byte {
	if c.structured == nil {
		return c.event.GetHeaderByteSlice(name)
	}
	return []byte(c.extension(name))
}

func (c *cloudEvent) GetHeaderInt(name string) (int, error) {
	return nuclio.ToInt(c.GetHeaderString(name))
}
