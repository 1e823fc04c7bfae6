; What all scripts use, after prelude2.scm or prelude3.scm.

; The image of scripts that go on from step to step.
(define image #f)

(define last-error '())
(define *error-hook* (lambda message (set! last-error message) (apply throw message)))

(define (path name) (string-append "@FOLDER@/" name))

; Runs a part of the script; a file of that name then has (#t what-it-returned) or (#f message).
(define (step name thunk)
  (let* ((answer (catch (list #f last-error) (list #t (thunk))))
         (port (open-output-file (string-append "@ANSWERS@/" name))))
    (write answer port)
    (close-output-port port)))

; The names of layers, from the top.
(define (names layers) (map (lambda (layer) (name-of layer)) layers))

(define (dirty? image) (true? (one (gimp-image-is-dirty image))))

; What a call that is to fail answers, and whether GIMP knows of a change.
(define (failing image thunk)
  (let ((answer (catch (list #f last-error) (list #t (thunk)))))
    (list answer (dirty? image))))

; Lets windows be used until the test writes to the pipe of that name.
(define (wait-for name) (close-input-port (open-input-file (path name))))
